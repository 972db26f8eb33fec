//! Host commands that are really run.

use super::*;

fn line(text: &str) -> HostCommand {
    HostCommand::Line(text.into())
}

fn outputs(receiver: &mut tokio::sync::mpsc::UnboundedReceiver<Event>) -> Vec<String> {
    std::iter::from_fn(|| receiver.try_recv().ok())
        .filter_map(|event| if let Event::ActivityOutput { line, .. } = event { Some(line) } else { None })
        .collect()
}

#[tokio::test]
async fn commands_run_in_order_in_the_folder_with_the_variables() {
    let folder = tempfile::tempdir().unwrap();
    let (events, mut receiver) = Events::channel();
    let environment = BTreeMap::from([("DEPLOYER_TAG".to_owned(), "v1".to_owned())]);
    let commands = [
        line("echo $DEPLOYER_TAG > made; read x || echo closed >&2"),
        HostCommand::Program(vec!["cat".into(), "made".into()]),
    ];
    run_commands(&commands, folder.path(), &environment, &events).await.unwrap();
    assert_eq!(outputs(&mut receiver), ["closed", "v1"]);
}

#[tokio::test]
async fn a_failure_has_its_last_lines_and_ends_the_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let (events, _receiver) = Events::channel();
    let commands =
        [line("for i in $(seq 99); do echo $i; done; printf unfinished; exit 7"), line("touch next")];
    let error = run_commands(&commands, folder.path(), &BTreeMap::new(), &events).await.unwrap_err();
    assert!(error.to_string().ends_with("failed: exit status: 7"), "{error}");
    let HostError::Failed { output, .. } = error else { panic!("it was started") };
    assert_eq!(output.len(), crate::tail::KEPT);
    assert_eq!(output.last().unwrap(), "unfinished");
    assert!(!folder.path().join("next").exists());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let (events, _receiver) = Events::channel();
    let commands = [HostCommand::Program(vec!["no-such-program".into(), "x".into()])];
    let error = run_commands(&commands, Path::new("/"), &BTreeMap::new(), &events).await.unwrap_err();
    assert_eq!(error.to_string(), "could not start the host command `no-such-program x`");
    assert!(error.hint().contains("`no-such-program`"));
}

#[tokio::test]
async fn what_a_command_started_ends_when_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (events, _receiver) = Events::channel();
    let commands = [line(
        "sh -c 'trap \"touch ended; exit\" TERM; touch started; while :; do sleep 0.05; done' 2>/dev/null",
    )];
    let (none, begun) = (BTreeMap::new(), folder.path().join("started"));
    {
        let mut running = pin!(run_commands(&commands, folder.path(), &none, &events));
        tokio::select! {
            _ = &mut running => panic!("it never ends by itself"),
            () = appears(&begun) => {}
        }
    }
    appears(&folder.path().join("ended")).await;
}

async fn appears(path: &Path) {
    let wait = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the file appears within ten seconds");
}

#[test]
fn names_fit_beside_a_progress_bar() {
    assert_eq!(shortened("make\nall"), "make");
    assert_eq!(shortened(&"x".repeat(50)).chars().count(), NAME_LENGTH + 1);
}
