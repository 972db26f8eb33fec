//! TLS to an engine: who is trusted, and who we are. Verification cannot be turned off here.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::super::error::{Error, Kind};
use super::{ACTION, Certificates, invalid};

/// What makes TLS connections to the engine.
pub(super) fn connector(certificates: &Certificates) -> Result<TlsConnector, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&certificates.folder, error))?
        .with_root_certificates(trusted(certificates)?);
    let (certificate, key) = (certificates.folder.join("cert.pem"), certificates.folder.join("key.pem"));
    let config = if certificate.exists() && key.exists() {
        let chain = read_certificates(&certificate)?;
        let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable(&key, error))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&certificate, error))?
    } else {
        builder.with_no_client_auth()
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn trusted(certificates: &Certificates) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let own = certificates.folder.join("ca.pem");
    if own.exists() {
        for certificate in read_certificates(&own)? {
            roots.add(certificate).map_err(|error| unusable(&own, error))?;
        }
    } else if certificates.required {
        return Err(invalid(own.display(), "the file is missing, and DOCKER_TLS_VERIFY asks for it"));
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| unusable(file, error))
}

fn unusable(file: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::caused_by(Kind::Invalid, ACTION, format!("with {}", file.display()), error)
}
