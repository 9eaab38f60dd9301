//! Lines of the log that nobody reads.

use super::scrape::{ADMIN, Admin};
use crate::operation::stalled_log::Stalled;

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn lines_that_were_dropped_are_counted() {
    let admin = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port");
    let dropped = async || {
        let scrape = Admin { address: admin }.scrape().await;
        scrape.value("rowkeep_log_lines_dropped_total", &[])
    };
    let server = Stalled::with("json", &[(ADMIN.0, &admin.to_string())]).await;
    assert_eq!(dropped().await, 0.0);

    server.fills_its_log().await;

    assert!(dropped().await > 0.0);
}
