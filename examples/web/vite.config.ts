// How the page is served. index.html has what a browser lets it do, and .env has where its two servers are.

import { defineConfig } from "vite";

const server = {
    // 127.0.0.1, as in .env: a browser sends Better Auth's cookie only if the page has the same host.
    host: "127.0.0.1",
    port: 5173,
    strictPort: true,
    headers: {
        "Content-Security-Policy": "frame-ancestors 'none'",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    },
};

export default defineConfig({ server, preview: server, build: { modulePreload: { polyfill: false } } });
