//! Many requests of every kind on one connection, cut into pieces at random places.

use std::time::Duration;

use futures_util::future::join_all;

use super::raw_client::{RawClient, head, request};
use super::unread_bodies::{announced, chunked, heads, says_close};
use crate::world::World;

/// The requests on a connection.
const REQUESTS: usize = 30;

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A request whose answer does not end the connection, or does so rarely, and the status of its answer.
fn any_request(numbers: &mut Numbers) -> (u16, String) {
    match numbers.below(4) {
        0 => (201, request("POST", "/api/tasks", "bob", r#"{"title":"one"}"#)),
        1 => {
            let chunks = "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"title\"\r\n7\r\n:\"two\"}\r\n0\r\n\r\n";
            (201, head("POST", "/api/tasks", "bob") + chunks)
        }
        2 => (200, request("GET", "/health", "alice", "")),
        _ => {
            let mut heads = heads();
            let (status, head) = heads.swap_remove(numbers.below(heads.len()));
            let (lengths, body) = match numbers.below(20) {
                0 => chunked(2),
                1 => announced(70_000),
                2..5 => announced(60_000),
                _ => announced(numbers.below(50)),
            };
            (status, head + &lengths + &body)
        }
    }
}

/// Sends requests in pieces, all of them at once or each after the answer before it. Returns how many were answered.
async fn exchange(world: &World, seed: u64, waits: bool) -> usize {
    let mut numbers = Numbers(seed);
    let requests: Vec<_> = (0..REQUESTS).map(|_| any_request(&mut numbers)).collect();
    let mut client = RawClient::open(world.server.address).await;
    if !waits {
        let all: String = requests.iter().map(|(_, text)| text.as_str()).collect();
        send_in_pieces(&mut client, &all, &mut numbers).await;
    }

    for (answered, (status, text)) in requests.iter().enumerate() {
        if waits {
            send_in_pieces(&mut client, text, &mut numbers).await;
        }
        let reply = client.next_reply().await;
        let reply =
            reply.unwrap_or_else(|| panic!("no answer: seed {seed}, request {answered}: {text:.300}"));
        assert_eq!(reply.status, *status, "seed {seed}, request {answered}: {text:.300}\n{reply:?}");
        if says_close(&reply) {
            assert_eq!(client.reads_to_the_end().await, "", "seed {seed}, request {answered}");
            return answered + 1;
        }
    }
    REQUESTS
}

async fn send_in_pieces(client: &mut RawClient, text: &str, numbers: &mut Numbers) {
    let mut rest = text;
    while !rest.is_empty() {
        let length = [1, 20, 200, 100_000][numbers.below(4)].min(rest.len());
        let (piece, after) = rest.split_at(length);
        client.sends(piece).await;
        rest = after;
        if numbers.below(40) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn every_request_is_answered_until_an_answer_says_that_the_connection_ends() {
    let world = World::shared().await;

    let exchanges = (0..24).map(|seed| exchange(&world, seed, seed % 2 == 0));
    let answered: usize = join_all(exchanges).await.into_iter().sum();

    assert!(answered > 24 * 5, "only {answered} requests: most connections ended too early to test anything");
}
