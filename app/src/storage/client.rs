//! Builds the one S3 client. Never reads a profile, an instance's metadata or any variable: the configuration says all.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Config, Credentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::StorageConfig;

/// Long enough for a name to be resolved, short enough for a second try within an operation's limit.
const CONNECT: Duration = Duration::from_millis(600);

/// One try. A connection that leads nowhere is given up while there is time left for a new one.
const ATTEMPT: Duration = Duration::from_millis(700);

/// The client of this configuration.
pub fn build(config: &StorageConfig) -> Client {
    let credentials =
        Credentials::new(&config.access_key, config.secret_key.reveal(), None, None, "configuration");
    let retries = RetryConfig::standard()
        .with_max_attempts(3)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(200));
    let settings = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(&config.url)
        .force_path_style(true)
        .http_client(http_client(&config.url))
        .retry_config(retries)
        .timeout_config(timeouts(Duration::ZERO))
        // The signature covers every body, and not every store knows the newer checksums.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // `storage` has limits of its own, tighter than this protection.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(settings.build())
}

/// Settings of one call that may take longer than others.
pub fn with_extra_time(extra: Duration) -> Builder {
    if extra.is_zero() { Builder::new() } else { Config::builder().timeout_config(timeouts(extra)) }
}

fn timeouts(extra: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT + extra).build()
}

/// Without TLS where none is spoken: that saves the certificates' memory and the time to read them.
fn http_client(url: &str) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if url.starts_with("http://") {
        return builder.build_http();
    }
    let provider = Provider::Rustls(CryptoMode::AwsLc);
    let context = TlsContext::builder().with_trust_store(trusted());
    builder
        .tls_provider(provider)
        .tls_context(context.build().expect("no option of it can fail"))
        .build_https()
}

/// The public authorities, built in because the image has no files, and those that `SSL_CERT_FILE` names.
fn trusted() -> TrustStore {
    let own = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    roots.iter().fold(TrustStore::empty().with_native_roots(own), |store, certificate| {
        store.with_pem_certificate(format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(certificate)
        ))
    })
}
