//! Containers of our own image: fronts, keepers, and the short-lived ones that copy files.
//!
//! None of them holds the engine's socket, has a capability or can write to its root file system.

use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
    RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use compose_file::model::{self, Port, Protocol};
use futures_util::TryStreamExt;

use super::create::{port_bindings, port_key};
use super::error::Context;
use super::streams::Pipe;
use super::{Engine, Error, Kind};
use crate::labels::{Labels, Role};
use crate::stack::{ContainerName, FileEntry, Nameless, NetworkName, StackName, VolumeName};

/// Where the state volume is mounted.
pub const STATE: &str = "/state";
/// Where a front's own volume is mounted.
pub const ROUTE: &str = "/route";
/// The program in the image.
pub const PROGRAM: &str = "/deployer";
/// A front's admin socket.
pub const SOCKET: &str = "/run/admin.sock";
/// Who a front runs as.
const NOBODY: &str = "65532:65532";
/// State files are small; more than this is not one of ours.
const STATE_LIMIT: usize = 64 << 20;

/// What tells a program's image from those of other builds; fronts know programs by it.
#[must_use]
pub fn identity(image: &str) -> &str {
    image.rsplit(':').next().unwrap_or(image)
}

/// Where a front finds the program of an image, once that has been put there.
#[must_use]
pub fn program_path(image: &str) -> PathBuf {
    Path::new(ROUTE).join(format!("program-{}", identity(image)))
}

/// A front's container.
pub struct FrontContainer<'a> {
    /// The stack.
    pub stack: &'a StackName,
    /// Our own image.
    pub image: &'a str,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// What it is told.
    pub options: &'a front::Options,
    /// Ports on the host.
    pub published: &'a [Port],
    /// The networks it joins, with all its names there.
    pub networks: Vec<(NetworkName, model::Attachment)>,
    /// The volume of its route.
    pub volume: VolumeName,
}

impl Engine {
    /// Makes a front.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn create_front(&self, name: &ContainerName, front: &FrontContainer<'_>) -> Result<(), Error> {
        let options = serde_json::to_string(front.options).expect("options are plain data");
        let exposed = front.options.listeners.iter().map(|listener| port_key(listener.port, Protocol::Tcp));
        let network = front.networks.first().map(|(name, _)| name.to_string());
        let body = ContainerCreateBody {
            image: Some(front.image.into()),
            user: Some(NOBODY.into()),
            cmd: Some(vec!["front".into(), "serve".into(), options]),
            labels: Some(front.labels.clone().into_iter().collect()),
            exposed_ports: Some(exposed.collect()),
            host_config: Some(HostConfig {
                network_mode: network,
                port_bindings: Some(port_bindings(front.published)),
                restart_policy: Some(RestartPolicy {
                    name: Some(RestartPolicyNameEnum::ALWAYS),
                    maximum_retry_count: None,
                }),
                mounts: Some(vec![
                    volume(&front.volume, ROUTE, false),
                    volume(&front.stack.state_volume(), STATE, true),
                ]),
                tmpfs: Some(HashMap::from([(
                    "/run".into(),
                    "uid=65532,gid=65532,mode=0700,size=64k".into(),
                )])),
                sysctls: Some(HashMap::from([("net.ipv4.ip_unprivileged_port_start".into(), "0".into())])),
                log_config: Some(HostConfigLogConfig {
                    typ: Some("json-file".into()),
                    config: Some(HashMap::from([
                        ("max-size".into(), "4m".into()),
                        ("max-file".into(), "2".into()),
                    ])),
                }),
                ..confined()
            }),
            ..Default::default()
        };
        self.create_in_networks(front.stack, name, None, body, &front.networks).await
    }

    /// Puts the program of an image into the volume of a front, through a short-lived container of that image.
    ///
    /// # Errors
    /// When the engine refuses, or the volume cannot be written.
    pub async fn place_program(
        &self,
        stack: &StackName,
        image: &str,
        front: &ContainerName,
        target: &VolumeName,
    ) -> Result<(), Error> {
        // What an earlier attempt with another program left has another name.
        let name = ContainerName::new(format!("{front}-program-{}", identity(image)));
        let path = program_path(image).to_string_lossy().into_owned();
        let labels = Labels::of(stack, Role::Aid).over(&BTreeMap::new());
        let body = ContainerCreateBody {
            image: Some(image.into()),
            user: Some(NOBODY.into()),
            cmd: Some(["front", "place", "--to", &path].map(str::to_owned).into()),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig {
                network_mode: Some("none".into()),
                mounts: Some(vec![volume(target, ROUTE, false)]),
                ..confined()
            }),
            ..Default::default()
        };
        match self.run_to_end(stack, &name, body).await? {
            None => Ok(()),
            Some(said) => Err(Error::because(Kind::Refused, "put a program into volume", target, &said)),
        }
    }

    /// What a short-lived container said, unless all went well; it is gone afterwards.
    async fn run_to_end(
        &self,
        stack: &StackName,
        name: &ContainerName,
        body: ContainerCreateBody,
    ) -> Result<Option<String>, Error> {
        self.create(stack, name, None, body).await?;
        self.start(name).await?;
        let code = self.await_exit(name).await;
        let said = self.last_lines(name, 5).await.join("\n");
        self.remove_container(stack, name, Nameless::Remove).await?;
        Ok((code? != 0).then_some(said))
    }

    /// Makes a keeper, if nobody else has. Its name is the lock.
    ///
    /// # Errors
    /// A conflict when there is one.
    pub async fn create_keeper(
        &self,
        stack: &StackName,
        image: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = stack.lock();
        let body = ContainerCreateBody {
            image: Some(image.into()),
            user: Some("0:0".into()),
            cmd: Some(vec!["keeper".into(), stack.to_string()]),
            labels: Some(labels.into_iter().collect()),
            open_stdin: Some(true),
            stdin_once: Some(true),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            host_config: Some(HostConfig {
                network_mode: Some("none".into()),
                auto_remove: Some(true),
                mounts: Some(vec![volume(&stack.state_volume(), STATE, false)]),
                // What it says holds definitions, which may hold secrets: no log.
                log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
                ..confined()
            }),
            ..Default::default()
        };
        let options =
            bollard::query_parameters::CreateContainerOptionsBuilder::new().name(name.as_str()).build();
        self.docker().create_container(Some(options), body).await.context("create container", &name)?;
        Ok(())
    }

    /// Connects to a keeper and starts it.
    ///
    /// # Errors
    /// When it is gone again, or the engine cannot start it.
    pub async fn start_keeper(&self, stack: &StackName) -> Result<Pipe, Error> {
        let pipe = self.attach(&stack.lock()).await?;
        self.start(&stack.lock()).await?;
        Ok(pipe)
    }

    /// Connects to the admin socket of a front.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn open_front(&self, name: &ContainerName) -> Result<Pipe, Error> {
        self.open_exec(name, &[PROGRAM, "front", "admin", SOCKET]).await
    }

    /// Writes files to a volume of a stack through a container that never starts: an archive cannot be put into a
    /// read-only container or mount.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn fill_volume(
        &self,
        stack: &StackName,
        image: &str,
        labels: BTreeMap<String, String>,
        target: &VolumeName,
        files: &[FileEntry],
    ) -> Result<(), Error> {
        let name = ContainerName::new(format!("{target}-writer"));
        self.create(stack, &name, None, idle(image, labels, volume(target, "/files", false))).await?;
        let archive = archive(files)
            .map_err(|error| Error::caused_by(Kind::Invalid, "pack files for volume", target, error))?;
        let options = UploadToContainerOptionsBuilder::new().path("/files").build();
        let body = bollard::body_full(archive.into());
        let result = self.docker().upload_to_container(name.as_str(), Some(options), body).await;
        let result = result.context("write files to volume", target);
        self.remove_container(stack, &name, Nameless::Remove).await?;
        result
    }

    /// Connects to addresses from inside a network until all accept; gives what the last attempt said otherwise.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn probe_from(
        &self,
        stack: &StackName,
        image: &str,
        network: &NetworkName,
        about: &ContainerName,
        addresses: &[String],
        limit: Duration,
    ) -> Result<Option<String>, Error> {
        let name = ContainerName::new(format!("{about}-probe"));
        let labels = Labels::of(stack, Role::Aid).over(&BTreeMap::new());
        let mut command: Vec<String> = ["front", "probe", "--timeout"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("{}ms", limit.as_millis())])
            .collect();
        command.extend_from_slice(addresses);
        let body = ContainerCreateBody {
            image: Some(image.into()),
            user: Some(NOBODY.into()),
            cmd: Some(command),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig { network_mode: Some(network.to_string()), ..confined() }),
            ..Default::default()
        };
        self.run_to_end(stack, &name, body).await
    }

    /// The files of the state volume, by name, read through a container that has it mounted.
    ///
    /// # Errors
    /// When the engine does not answer or the archive is not one.
    pub async fn read_state(&self, container: &ContainerName) -> Result<BTreeMap<String, String>, Error> {
        let options = DownloadFromContainerOptionsBuilder::new().path(STATE).build();
        let mut stream =
            std::pin::pin!(self.docker().download_from_container(container.as_str(), Some(options)));
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await.context("read state through container", container)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > STATE_LIMIT {
                return Err(Error::because(
                    Kind::Invalid,
                    "read state through container",
                    container,
                    "it is too large",
                ));
            }
        }
        unpack(&bytes).map_err(|error| {
            Error::caused_by(Kind::Invalid, "read state through container", container, error)
        })
    }

    /// The files of the state volume when no container has it mounted: through one that never starts.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn read_state_volume(
        &self,
        stack: &StackName,
        image: &str,
        labels: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let unique: u32 = rand::random();
        let name = ContainerName::new(format!("{stack}-reader-{unique:08x}"));
        let mount = volume(&stack.state_volume(), STATE, true);
        self.create(stack, &name, None, idle(image, labels, mount)).await?;
        let files = self.read_state(&name).await;
        self.remove_container(stack, &name, Nameless::Remove).await?;
        files
    }
}

fn idle(image: &str, labels: BTreeMap<String, String>, mount: Mount) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.into()),
        cmd: Some(vec!["--version".into()]),
        labels: Some(labels.into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: Some("none".into()),
            mounts: Some(vec![mount]),
            // An archive cannot be put into a read-only container, and this one never runs.
            readonly_rootfs: Some(false),
            ..confined()
        }),
        ..Default::default()
    }
}

fn confined() -> HostConfig {
    HostConfig {
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges".into()]),
        pids_limit: Some(256),
        ..Default::default()
    }
}

fn volume(name: &VolumeName, target: &str, read_only: bool) -> Mount {
    Mount {
        target: Some(target.into()),
        source: Some(name.to_string()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        volume_options: read_only.then(|| MountVolumeOptions { no_copy: Some(true), ..Default::default() }),
        ..Default::default()
    }
}

fn archive(files: &[FileEntry]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_mtime(0);
        builder.append_data(&mut header, &file.name, file.content.as_slice())?;
    }
    builder.into_inner()
}

/// The archive's regular files, by the last part of their path.
fn unpack(bytes: &[u8]) -> std::io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(Cursor::new(bytes)).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name.to_owned(), String::from_utf8_lossy(&content).into_owned());
    }
    Ok(files)
}
