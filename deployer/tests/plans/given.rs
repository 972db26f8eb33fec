//! Stacks from Compose text, and the engine that earlier deploys would have left. Plain data, nothing is asked.

use std::collections::{BTreeMap, BTreeSet};

use compose_file::model::Port;
use deployer::labels::{Labels, Role};
use deployer::plan::{self, Decision, Meta};
use deployer::record::History;
use deployer::snapshot::{Container, HostPort, Labelled, Observed, State};
use deployer::stack::{
    ContainerName, Context, FileContents, ImageFacts, ImageId, Key, NetworkName, Refusal, Release,
    ReleaseNumber, Service, ServiceName, Settings, Stack, StackName, Standby, VolumeName, resolve,
};

/// A file as it was loaded, under the name `shop`.
pub fn loaded(text: &str) -> compose_file::Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    std::fs::write(&file, text).unwrap();
    let request = compose_file::Request {
        files: vec![file],
        project_directory: None,
        project_name: Some("shop".into()),
        env_files: Vec::new(),
        environment: BTreeMap::new(),
        overrides: BTreeMap::new(),
        profiles: Vec::new(),
        current_directory: folder.path().to_owned(),
    };
    compose_file::load(&request).unwrap()
}

/// What is refused of a file, a line each: place, message and help.
pub fn refused(text: &str) -> String {
    spell(&deployer::stack::refusals(&loaded(text).project().unwrap()))
}

/// Refusals, a line each.
pub fn spell(refusals: &[Refusal]) -> String {
    let line = |refusal: &Refusal| format!("{}: {} | {}\n", refusal.place, refusal.message, refusal.help);
    refusals.iter().map(line).collect()
}

/// A stack named `shop`, from a Compose file; the images are what their names say.
pub fn stack(text: &str) -> Stack {
    resolved(text).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

/// What stands in the way of a stack, a line each.
pub fn unresolved(text: &str) -> String {
    spell(&resolved(text).unwrap_err())
}

fn resolved(text: &str) -> Result<Stack, Vec<Refusal>> {
    let project = loaded(text).project().unwrap();
    let facts = |(name, service): (&String, &compose_file::model::Service)| {
        let built = service.build.is_some();
        let image = service.image.clone().unwrap_or_else(|| format!("shop-{name}:release-1"));
        let id = ImageId::new(format!("sha256:{image}"));
        let facts = ImageFacts {
            reference: image,
            id,
            built,
            exposed: Vec::new(),
            volumes: Vec::new(),
            healthcheck: false,
        };
        (ServiceName::new(name), facts)
    };
    let images = project.services.iter().map(facts).collect();
    let settings =
        project.extensions.get("x-deployer").map(|value| serde_json::from_value(value.clone()).unwrap());
    let (settings, files): (Settings, _) = (settings.unwrap_or_default(), FileContents::default());
    let key = Key::parse(&"07".repeat(32)).unwrap();
    let context =
        Context { project: &project, settings: &settings, images: &images, files: &files, key: &key };
    resolve(&context).map(|resolved| resolved.stack)
}

/// What is known of a release besides its content.
pub fn meta(tag: &str) -> Meta {
    let (created, by) = ("2026-01-01T00:00:00Z".into(), "me@here".into());
    Meta { tag: tag.into(), revision: None, created, by, agent: Some("deployer-agent:1".into()) }
}

/// An engine on which these releases were deployed, one after the other, and nothing else happened.
pub fn deployed(texts: &[&str]) -> Observed {
    let mut observed = Observed::default();
    for (number, text) in (1..).zip(texts) {
        match plan::deploy(&stack(text), &observed, &meta(&format!("v{number}"))).unwrap() {
            Decision::Change(planned) => observed = engine_of(observed.history.with(planned.release)),
            Decision::Nothing(..) => panic!("release {number} changes nothing"),
        }
    }
    observed
}

/// What a history leaves on the engine: the live release, and the one before it on standby.
pub fn engine_of(history: History) -> Observed {
    let mut observed = Observed { history, ..Observed::default() };
    let releases: Vec<Release> = observed.history.releases.iter().rev().take(2).cloned().collect();
    for (age, release) in releases.iter().enumerate() {
        let standby = release.stack.as_ref().map(|stack| stack.settings.standby);
        let runs = age == 0 || standby == Some(Standby::Warm);
        let state = if runs { State::Running } else { State::Exited };
        add_release(&mut observed, release, state);
    }
    observed
}

fn add_release(observed: &mut Observed, release: &Release, state: State) {
    let stack = release.stack.as_ref().unwrap();
    let labelled = |role| Labelled { labels: Labels::of(&stack.name, role).over(&BTreeMap::new()) };
    for network in stack.networks.values() {
        observed.networks.insert(NetworkName::new(&network.name), labelled(Role::Service));
    }
    for volume in stack.volumes.values() {
        observed.volumes.insert(VolumeName::new(&volume.name), labelled(Role::Service));
    }
    for (name, service) in &stack.services {
        let serving = &release.serving[name];
        let labels = Labels::of(&stack.name, Role::Service).service(name).hash(&service.hash);
        for replica in 1..=serving.replicas {
            let container = stack.name.container(name, serving.made_in, replica);
            let labels = labels.clone().instance(serving.made_in, serving.color, replica);
            add(
                observed,
                stack,
                service,
                Container { labels: labels.over(&BTreeMap::new()), ..blank(container, state) },
            );
        }
        if let Some(front) = service.front.as_ref().filter(|_| state == State::Running) {
            let labels = Labels::of(&stack.name, Role::Front).service(name).hash(&front.hash);
            let published = front.published.iter().filter_map(host_port).collect();
            let container = blank(stack.name.front(name), state);
            let labels = labels.over(&BTreeMap::new());
            add(observed, stack, service, Container { labels, ports: published, ..container });
            observed.volumes.insert(stack.name.front_volume(name), labelled(Role::Front));
        }
    }
}

fn add(observed: &mut Observed, stack: &Stack, service: &Service, container: Container) {
    if observed.container(&container.name).is_none() {
        let networks = service.definition.networks.keys().filter_map(|key| stack.network(key)).collect();
        observed.containers.push(Container { networks, ..container });
    }
}

fn blank(name: ContainerName, state: State) -> Container {
    Container {
        id: name.to_string(),
        name,
        image: ImageId::new("sha256:any"),
        state,
        status: String::new(),
        labels: BTreeMap::new(),
        networks: BTreeSet::new(),
        ports: Vec::new(),
        created: 0,
    }
}

fn host_port(port: &Port) -> Option<HostPort> {
    let (ip, host) = (port.host_ip.clone().unwrap_or_default(), port.published.as_deref()?.parse().ok()?);
    Some(HostPort { ip, host, container: port.target, protocol: "tcp".into() })
}

/// A decision in words.
pub fn show(decision: Decision) -> String {
    match decision {
        Decision::Change(planned) => planned.plan.to_string(),
        Decision::Nothing(number, tag) => format!("nothing: release {number} (tag {tag})"),
    }
}

/// What a deploy of this file does after those.
pub fn deploy(before: &[&str], text: &str) -> String {
    show(plan::deploy(&stack(text), &deployed(before), &meta("next")).unwrap())
}

/// What a rollback does after those deploys.
pub fn rollback(before: &[&str], to: Option<u64>) -> String {
    let observed = deployed(before);
    let target = plan::target(&observed, &StackName::new("shop"), to.map(ReleaseNumber)).unwrap();
    let images: BTreeSet<ImageId> =
        target.stack.iter().flat_map(|stack| stack.services.values()).map(|s| s.image.id.clone()).collect();
    show(plan::rollback(target, &observed, &images, &meta("ignored")).unwrap())
}
