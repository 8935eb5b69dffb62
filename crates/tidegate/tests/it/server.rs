//! A program that serves, and how tests reach it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

use tidegate_client::{Client, Settings};
use tidegate_core::Secret;
use tidegate_tests::TIMEOUT;

use crate::program::{Ended, Program};

pub struct Server {
    pub program: Program,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    folder: PathBuf,
}

impl Server {
    /// Waits until it has printed where it listens.
    pub async fn ready(mut program: Program, folder: &Path) -> Self {
        let line = program.prints("serves gRPC on ").await;
        let grpc = line.split_once("serves gRPC on ").unwrap().1.trim_end_matches('.').parse().unwrap();
        let line = program.prints("/healthz").await;
        let admin = line.split_once("http://").unwrap().1.trim_end_matches("/healthz").parse().unwrap();
        // The last line that is printed at the start.
        program.prints("try it").await;
        Self { program, grpc, admin, folder: folder.to_owned() }
    }

    /// With the credential that the first start put into the folder.
    pub fn operator(&self) -> Client {
        self.client(&self.credential())
    }

    pub fn credential(&self) -> String {
        std::fs::read_to_string(self.folder.join("operator.credential")).unwrap()
    }

    pub fn client(&self, credential: &str) -> Client {
        client(&format!("http://{}", self.grpc), credential)
    }

    /// Status and body of a page of the admin port.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let (admin, path) = (self.admin, path.to_owned());
        tokio::task::spawn_blocking(move || page(admin, &path)).await.unwrap()
    }

    pub fn mails(&self) -> PathBuf {
        self.folder.join("mail")
    }

    /// SIGTERM, and the end that must follow.
    pub async fn stopped(self) -> Ended {
        self.program.signal("TERM");
        self.program.ended().await
    }

    /// SIGKILL: the program learns nothing of it.
    pub async fn killed(self) -> Ended {
        self.program.signal("KILL");
        self.program.ended().await
    }
}

pub fn client(address: &str, credential: &str) -> Client {
    let credential = Secret::new(credential.trim().to_owned());
    let settings = Settings { address: address.to_owned(), deadline: TIMEOUT, ..Settings::new(credential) };
    Client::lazy(&settings).unwrap()
}

fn page(admin: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
