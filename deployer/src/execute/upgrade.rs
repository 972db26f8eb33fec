//! A front that stays goes on as the program of this deployer. What cannot be upgraded serves on as it is.

use std::time::Duration;

use front::admin::{Command, Reply};

use super::fronts::front_error;
use super::{Site, StepError};
use crate::engine::agents;
use crate::event::Events;
use crate::stack::ServiceName;

/// A front gives a program up that is not ready after 10 s.
const UPGRADE: Duration = Duration::from_secs(15);
/// Fronts of an earlier protocol do not know how.
const PROTOCOL: u32 = 2;

impl Site {
    pub(super) async fn upgrade_front(
        &self,
        service: &ServiceName,
        events: &Events,
    ) -> Result<(), StepError> {
        let front = self.name.front(service);
        let wanted = agents::identity(&self.agent);
        match self.fronts.ask(service, Command::Hello, Duration::ZERO).await {
            Ok(Reply::Hello { program: Some(program), .. }) if program == wanted => return Ok(()),
            Ok(Reply::Hello { protocol, .. }) if protocol < PROTOCOL => {
                events.warn(format!(
                    "{service}: its front is of a version that cannot be upgraded, and stays what it is until its \
                     container is made again"
                ));
                return Ok(());
            }
            Ok(Reply::Hello { .. }) => {}
            Ok(other) => return Err(front_error(&front, format!("{other:?}"))),
            // A later command has removed it.
            Err(StepError::Engine(error)) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        }
        let volume = self.name.front_volume(service);
        self.engine.place_program(&self.name, &self.agent, &front, &volume).await?;
        let command = Command::Upgrade { program: agents::program_path(&self.agent) };
        let upgraded = self.fronts.ask(service, command, UPGRADE).await;
        self.fronts.forget(service);
        match upgraded? {
            Reply::Upgraded { .. } => Ok(()),
            other => Err(front_error(&front, format!("{other:?}"))),
        }
    }
}
