//! What a registry says of an image, asked by the engine: it is the one that will pull. Nothing is fetched here.

use std::time::Duration;

use super::credentials::Credentials;
use super::error::Context;
use super::{Engine, Error, Kind};

/// How an image can be had.
#[derive(Debug)]
pub enum Availability {
    /// The engine has it.
    Here,
    /// A registry has it.
    Pullable,
    /// It cannot be had, or not within the limit.
    Absent(Error),
}

impl Engine {
    /// Whether the engine has an image, or could pull it.
    pub async fn availability(
        &self,
        reference: &str,
        credentials: &Credentials,
        limit: Duration,
    ) -> Availability {
        let found = match self.find_image(reference).await {
            Ok(Some(_)) => return Availability::Here,
            Ok(None) => tokio::time::timeout(limit, self.ask_registry(reference, credentials)).await,
            Err(error) => Ok(Err(error)),
        };
        match found {
            Ok(Ok(())) => Availability::Pullable,
            Ok(Err(error)) => Availability::Absent(error),
            Err(_) => {
                let why = format!("its registry did not answer within {} s", limit.as_secs());
                Availability::Absent(Error::because(Kind::TimedOut, "find image", reference, why))
            }
        }
    }

    async fn ask_registry(&self, reference: &str, credentials: &Credentials) -> Result<(), Error> {
        let login = credentials.for_image(reference).await?;
        let login = login.map(super::credentials::Login::into_request);
        self.patient()
            .inspect_registry_image(reference, login)
            .await
            .map(drop)
            .context("find image", reference)
    }
}
