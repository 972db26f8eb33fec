//! A Garage of a test's own: on loopback, in a folder of its own, gone with the value. Never pretends to be one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub const ACCESS_KEY: &str = "key-of-the-tests";
pub const SECRET_KEY: &str = "a-secret-of-the-tests";

/// A store that runs, or that is stopped and can run again.
pub struct Garage {
    folder: TempDir,
    ports: [u16; 3],
    process: Option<Child>,
}

impl Garage {
    /// A new store without the bucket that the service wants.
    pub fn start() -> Self {
        let mut garage = Self {
            folder: tempfile::tempdir().unwrap(),
            ports: [(); 3].map(|()| free_port()),
            process: None,
        };
        garage.resume();
        garage
    }

    /// `host:port` of its S3 interface.
    pub fn endpoint(&self) -> String {
        self.address().to_string()
    }

    /// The address of its S3 interface.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[0]).into()
    }

    /// Ends the process; what it stored stays.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again, on the same port.
    pub fn resume(&mut self) {
        let config = self.folder.path().join("garage.toml");
        std::fs::write(&config, self.config()).unwrap();
        let process = Command::new(binary())
            .arg("-c")
            .arg(&config)
            .args(["server", "--single-node", "--default-bucket"])
            .env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY)
            .env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY)
            .env("GARAGE_DEFAULT_BUCKET", "somebody-elses-bucket")
            .env("GARAGE_RPC_SECRET", "0".repeat(64))
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn();
        self.process = Some(process.unwrap());
        self.await_port();
    }

    /// Starts it again without anything that it had stored.
    pub fn resume_empty(&mut self) {
        self.stop();
        self.folder = tempfile::tempdir().unwrap();
        self.resume();
    }

    fn await_port(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address()).is_err() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "Garage does not start: {ended:?}\n{}",
                log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn config(&self) -> String {
        let folder = self.folder.path().display();
        let [s3, rpc, admin] = self.ports;
        format!(
            "metadata_dir = \"{folder}/meta\"\n\
             data_dir = \"{folder}/blocks\"\n\
             db_engine = \"sqlite\"\n\
             replication_factor = 1\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\n\
             rpc_public_addr = \"127.0.0.1:{rpc}\"\n\
             [s3_api]\n\
             api_bind_addr = \"127.0.0.1:{s3}\"\n\
             s3_region = \"us-east-1\"\n\
             [admin]\n\
             api_bind_addr = \"127.0.0.1:{admin}\"\n"
        )
    }
}

impl Drop for Garage {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn binary() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/store/garage");
    assert!(
        built.is_file(),
        "these tests need Garage at {}: run scripts/build-store.sh (about 8 minutes, once per machine)",
        built.display()
    );
    built
}
