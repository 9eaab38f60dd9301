//! `GET /docs`: a page to read and try the API, and the files that it loads. It asks no other server.
//!
//! The page is Scalar. Swagger UI (`utoipa-swagger-ui` with its files) and RapiDoc are a third of its size, but Swagger UI
//! is hard to read on a phone, and RapiDoc has one release a year. Redoc cannot send requests. `utoipa-scalar` and
//! `utoipa-rapidoc` load their scripts from a CDN, so the script comes from Scalar's own crate instead. Scalar needs no
//! `eval`, follows the dark mode of the system, and its keyboard and screen reader support is maintained.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::{digits, entity_tag, get_only, unless_cached};
use crate::http::App;
use crate::http::response::{Response, with_header};

/// Scripts come from this server only, and never from the page's text. Scalar puts its styles into the page and sets
/// `style` attributes, so that styles need 'unsafe-inline'. Nothing can put the page into a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Isolate the page from other pages, and keep its address from other servers.
const ISOLATION: [(HeaderName, HeaderValue); 4] = [
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// A file that the page loads. Its address changes with its content, so that browsers may keep it for ever.
struct Asset {
    address: String,
    content_type: &'static str,
    content: Bytes,
    is_compressed: bool,
}

impl Asset {
    /// The files under the names that the page has for them.
    fn all() -> Vec<(&'static str, Self)> {
        let asset = |name, content_type, content: &'static [u8]| {
            let (stem, extension) = name_and_extension(name);
            let address = format!("{stem}.{}.{extension}", digits(content));
            (name, Self { address, content_type, content: Bytes::from_static(content), is_compressed: false })
        };
        let mut assets = vec![
            asset("page.css", "text/css; charset=utf-8", include_bytes!("page.css")),
            asset("page.js", "text/javascript; charset=utf-8", include_bytes!("page.js")),
            asset("icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
        ];
        // The build script has compressed it: 4.9 MB become 1.4 MB.
        let scalar = include_bytes!(concat!(env!("OUT_DIR"), "/scalar.js.gz"));
        let (name, scalar) = asset("scalar.js", "text/javascript; charset=utf-8", scalar);
        assets.push((name, Self { is_compressed: true, ..scalar }));
        assets
    }

    fn response(&self) -> Response {
        let response = Response::new(self.content.clone().into());
        let response = with_header(response, CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        let response = isolated(with_header(response, CACHE_CONTROL, forever));
        if self.is_compressed {
            // In this form only: every browser reads gzip.
            with_header(response, CONTENT_ENCODING, HeaderValue::from_static("gzip"))
        } else {
            response
        }
    }
}

fn name_and_extension(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let assets = Asset::all();
    let mut html = include_str!("page.html")
        .replace("{ready-token}", if app.mint_token.is_some() { "yes" } else { "no" });
    for (name, asset) in &assets {
        html = html.replace(&format!("{{{name}}}"), &format!("/docs/{}", asset.address));
    }
    let html = Bytes::from(html);
    let tag = entity_tag(&html);

    let page_path = warp::path!("docs");
    let page = page_path
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .map(move |headers: HeaderMap| unless_cached(&headers, &tag, || page(&html)));

    let assets = std::sync::Arc::new(assets);
    let asset = warp::path!("docs" / String).and_then(move |address: String| {
        let found = assets.iter().position(|(_, asset)| asset.address == address);
        let found = found.map(|at| (assets.clone(), at)).ok_or_else(warp::reject::not_found);
        std::future::ready(found)
    });
    let asset =
        asset.and(warp::method()).map(|(assets, at): (std::sync::Arc<Vec<(_, Asset)>>, usize), method| {
            match assets.get(at) {
                Some((_, asset)) if method == http::Method::GET => asset.response(),
                _ => get_only(),
            }
        });

    page.or(page_path.map(get_only)).unify().or(asset).unify().boxed()
}

fn page(html: &Bytes) -> Response {
    let response = Response::new(html.clone().into());
    let response = with_header(response, CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    isolated(with_header(response, CONTENT_SECURITY_POLICY, POLICY))
}

fn isolated(mut response: Response) -> Response {
    response.headers_mut().extend(ISOLATION);
    response
}
