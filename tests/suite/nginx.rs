//! Rowkeep behind a real nginx, with the lines of the operator's guide.

mod replaced;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, Response};
use rowkeep::tls::{self, Roots};
use serde_json::{Value, json};

use crate::documents::markdown::Page;
use crate::operation::overload::eventually;
use crate::operation::program::Directory;
use crate::world::{CertificateAuthority, SECRET, World, token};

const NAME: &str = "tasks.example.com";
const ORIGIN: &str = "http://localhost:3000";

/// A running nginx, and a client that trusts its certificate. Dropping it ends nginx.
struct Nginx {
    process: Child,
    client: Client,
    url: String,
    _world: Option<World>,
    _files: Directory,
}

impl Nginx {
    /// In front of a server of its own.
    async fn start() -> Self {
        let world = World::with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
        let mut nginx = Self::before(&world.server.address.to_string()).await;
        nginx._world = Some(world);
        nginx
    }

    /// In front of what stands in the guide as `server 127.0.0.1:8000`.
    async fn before(servers: &str) -> Self {
        let (files, authority) = (Directory::named("nginx"), CertificateAuthority::new());
        let signed = authority.signs(&[NAME]);
        files.write("authority.pem", &authority.pem());
        files.write("tasks.pem", &signed.certificate.pem());
        files.write("tasks.key", &signed.key.serialize_pem());
        let port = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            listener.local_addr().expect("an address").port()
        };

        let blocks = Page::read("docs/operate.md").blocks().into_iter();
        let block =
            blocks.filter(|block| block.language == "nginx").find(|block| block.text.contains("upstream"));
        let path = files.0.display();
        let mut lines = block.expect("the lines of the guide").text;
        for (of_guide, of_test) in [
            ("127.0.0.1:8000", servers.to_owned()),
            ("listen 443", format!("listen 127.0.0.1:{port}")),
            ("/etc/ssl/", format!("{path}/")),
        ] {
            assert!(lines.contains(of_guide), "{lines}");
            lines = lines.replace(of_guide, &of_test);
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {path}/{name};\n"))
            .concat();
        let configuration = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log info; worker_processes 1; events {{}}\n\
             http {{ access_log off; {temporary} {lines} }}"
        );
        files.write("nginx.conf", &configuration);

        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new("sh")
            .args(["-c", "exec nginx -e stderr -c \"$0\""])
            .arg(files.0.join("nginx.conf"))
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let roots = Roots::File(files.0.join("authority.pem")).read().expect("an authority");
        let client = Client::builder()
            .resolve(NAME, address)
            .no_proxy()
            .tls_backend_preconfigured(tls::client(roots))
            .build()
            .expect("a client");
        let nginx =
            Self { process, client, url: format!("https://{NAME}:{port}"), _world: None, _files: files };
        eventually("nginx answers", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        nginx
    }

    async fn answer(&self, method: Method, path: &str, token: &str, body: String) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.header("Origin", ORIGIN).header("Content-Type", "application/json");
        request.bearer_auth(token).body(body).send().await.expect("an answer")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A master that is killed would leave its worker behind.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs nginx: `make test-all`"]
async fn a_body_that_is_too_large_gets_the_servers_own_413() {
    let nginx = Nginx::start().await;
    for length in [65_537, 70_000, 900_000] {
        let body = "x".repeat(length);

        let answer = nginx.answer(Method::POST, "/api/tasks", &token("alice"), body).await;

        assert_eq!(answer.status(), 413, "{length}");
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
        let body: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        assert!(body["detail"].is_string(), "{body}");
    }
}

#[tokio::test]
#[ignore = "needs nginx: `make test-all`"]
async fn a_token_of_the_largest_size_passes() {
    let nginx = Nginx::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": "alice", "exp": now + 3600, "padding": "x".repeat(12_000) });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let long = jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token");
    assert!((16_000..16_384).contains(&long.len()), "{}", long.len());

    let answer = nginx.answer(Method::GET, "/api/tasks", &long, String::new()).await;

    assert_eq!(answer.status(), 200);
}

#[tokio::test]
#[ignore = "needs nginx: `make test-all`"]
async fn requests_and_refusals_on_kept_connections_are_all_answered_by_the_server() {
    let nginx = Nginx::start().await;
    let alice = token("alice");
    let large = "x".repeat(30_000);
    let requests = [
        (Method::POST, "/api/tasks", &*alice, r#"{"title":"one"}"#, 201),
        (Method::POST, "/api/tasks", "wrong", &large, 401),
        (Method::PUT, "/api/bob/tasks/1", &alice, &large, 403),
        (Method::POST, "/nowhere", &alice, &large, 404),
        (Method::POST, "/api/tasks", &alice, "x", 400),
        (Method::GET, "/api/a%2Fb%40c/tasks", &alice, "", 403),
        (Method::GET, "/api/tasks", &alice, "", 200),
    ];
    for (method, path, token, body, status) in requests.iter().cycle().take(140).cloned() {
        let answer = nginx.answer(method, path, token, body.into()).await;

        assert_eq!(answer.status(), status, "{path}");
    }
}
