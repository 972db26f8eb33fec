//! Networks: one call each, and "already so" is success.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, NetworkConnectRequest, NetworkDisconnectRequest,
};
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptions;
use compose_file::model;

use super::containers::absent_is_fine;
use super::error::Context;
use super::{Engine, Error, Kind};
use crate::labels;
use crate::snapshot::Labelled;
use crate::stack::{ContainerName, NetworkName, StackName};

/// The driver's option for the name of the interface inside the container.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

impl Engine {
    /// Every network, by name.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn networks(&self) -> Result<BTreeMap<NetworkName, Labelled>, Error> {
        let found =
            self.docker().list_networks(None::<ListNetworksOptions>).await.context("list networks", "")?;
        let named = found.into_iter().filter_map(|network| {
            let labels = network.labels.unwrap_or_default().into_iter().collect();
            Some((NetworkName::new(network.name?), Labelled { labels }))
        });
        Ok(named.collect())
    }

    /// Makes a network of a stack, unless it is there.
    ///
    /// # Errors
    /// When another one has its name, or the engine refuses its definition.
    pub async fn create_network(
        &self,
        stack: &StackName,
        network: &model::Network,
        labels: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = NetworkName::new(&network.name);
        // The engine would make a second one of the same name.
        if let Some(found) = self.networks().await?.get(&name) {
            return if found.is_of(stack) {
                Ok(())
            } else {
                Err(Error::because(
                    Kind::Conflict,
                    "create network",
                    name,
                    "one of that name exists and is not ours",
                ))
            };
        }
        let request = NetworkCreateRequest {
            name: network.name.clone(),
            driver: network.driver.clone(),
            internal: Some(network.internal),
            attachable: Some(network.attachable),
            ipam: ipam(&network.ipam),
            enable_ipv4: network.enable_ipv4,
            enable_ipv6: network.enable_ipv6,
            options: hash_map(&network.driver_opts),
            labels: Some(labels.into_iter().collect()),
            ..Default::default()
        };
        self.docker().create_network(request).await.context("create network", name)?;
        Ok(())
    }

    /// Removes a network of a stack.
    ///
    /// # Errors
    /// When it is not ours, or containers are in it.
    pub async fn remove_network(&self, stack: &StackName, name: &NetworkName) -> Result<(), Error> {
        let found =
            match self.docker().inspect_network(name.as_str(), None).await.context("inspect network", name) {
                Err(error) if error.is_not_found() => return Ok(()),
                other => other?,
            };
        if found.labels.unwrap_or_default().get(labels::STACK).map(String::as_str) != Some(stack.as_str()) {
            return Err(Error::because(Kind::Conflict, "remove network", name, "it is not ours"));
        }
        absent_is_fine(self.docker().remove_network(name.as_str()).await.context("remove network", name))
    }

    /// Puts a container into a network, unless it is there.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn connect_network(
        &self,
        container: &ContainerName,
        network: &NetworkName,
        attachment: &model::Attachment,
    ) -> Result<(), Error> {
        let request = NetworkConnectRequest {
            container: container.to_string(),
            endpoint_config: Some(endpoint(attachment)),
        };
        let result = self.docker().connect_network(network.as_str(), request).await;
        match result.context("connect container", container) {
            // 403: it is in that network already. The engine has no code of its own for it, so ask.
            Err(error) if error.status() == Some(403) || error.is_conflict() => {
                let joined = self.docker().inspect_container(container.as_str(), None).await;
                let joined = joined.context("inspect container", container)?;
                let networks =
                    joined.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
                if networks.contains_key(network.as_str()) { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }

    /// Takes a container out of a network.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn disconnect_network(
        &self,
        container: &ContainerName,
        network: &NetworkName,
    ) -> Result<(), Error> {
        let request = NetworkDisconnectRequest { container: container.to_string(), force: Some(true) };
        let result = self.docker().disconnect_network(network.as_str(), request).await;
        match result.context("disconnect container", container) {
            Err(error) if error.status() == Some(403) => Ok(()),
            other => absent_is_fine(other),
        }
    }
}

/// How a container joins a network, as the engine spells it.
pub(in crate::engine) fn endpoint(attachment: &model::Attachment) -> EndpointSettings {
    let fixed = attachment.ipv4_address.is_some()
        || attachment.ipv6_address.is_some()
        || !attachment.link_local_ips.is_empty();
    let ipam = fixed.then(|| EndpointIpamConfig {
        ipv4_address: attachment.ipv4_address.clone(),
        ipv6_address: attachment.ipv6_address.clone(),
        link_local_ips: Some(attachment.link_local_ips.clone()).filter(|ips| !ips.is_empty()),
    });
    let mut driver_opts = attachment.driver_opts.clone();
    driver_opts.extend(attachment.interface_name.clone().map(|name| (INTERFACE_NAME.to_owned(), name)));
    EndpointSettings {
        ipam_config: ipam,
        aliases: Some(attachment.aliases.clone()),
        mac_address: attachment.mac_address.clone(),
        driver_opts: hash_map(&driver_opts),
        gw_priority: Some(attachment.gw_priority).filter(|priority| *priority != 0),
        ..Default::default()
    }
}

/// None when it is empty: older engines do not know every field.
pub(in crate::engine) fn hash_map(map: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!map.is_empty()).then(|| map.clone().into_iter().collect())
}

fn ipam(ipam: &model::Ipam) -> Option<Ipam> {
    if *ipam == model::Ipam::default() {
        return None;
    }
    let pool = |pool: &model::IpamPool| IpamConfig {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary_addresses: hash_map(&pool.aux_addresses),
    };
    Some(Ipam {
        driver: ipam.driver.clone(),
        config: Some(ipam.config.iter().map(pool).collect()),
        options: hash_map(&ipam.options),
    })
}
