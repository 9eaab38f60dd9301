// Real Better Auth servers for the tests of sign-in: one for each way to sign, each with its own users and keys.
//
// All use the secret in BETTER_AUTH_SECRET, which Better Auth itself reads.
//
// When all servers listen, prints one line of JSON with the origin of each by its name. Ends when its standard input
// closes, so that it never outlives the tests.
//
// Beside /api/auth, two paths do what normally takes months:
//   POST /control/rotate   lets the signing key expire: Better Auth makes a new one for the next token
//   POST /control/retire   removes expired keys from the key set, as at the end of their grace period

import { webcrypto } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins/jwt";

// Node 18 (Debian 12, Ubuntu 24.04) does not set this global by default.
globalThis.crypto ??= webcrypto;

const signedWith = (alg) => ({ jwt: { jwks: { keyPairConfig: { alg } } } });
const sessionCookieIsJwt = { cookieCache: { enabled: true, strategy: "jwt" } };

const kinds = {
    // The default of Better Auth.
    EdDSA: { jwt: {} },
    ES256: signedWith("ES256"),
    RS256: signedWith("RS256"),
    PS256: signedWith("PS256"),
    // The session cookie is a JWT, too: signed with the secret, or with the same key as the tokens.
    cookieBySecret: { jwt: {}, session: sessionCookieIsJwt },
    cookieByKey: { jwt: { sessionCookieCache: true }, session: sessionCookieIsJwt },
};

/** Starts one server and returns its origin. */
async function start(kind) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // The issuer and audience of the tokens: it must be known before Better Auth is created.
    const origin = `http://127.0.0.1:${server.address().port}`;

    const rows = { user: [], session: [], account: [], verification: [], jwks: [] };
    const auth = betterAuth({
        baseURL: origin,
        database: memoryAdapter(rows),
        emailAndPassword: { enabled: true },
        session: kind.session,
        plugins: [jwt(kind.jwt)],
        rateLimit: { enabled: false },
        telemetry: { enabled: false },
        logger: { level: "error" },
    });

    const control = {
        "POST /control/rotate": () => {
            for (const key of rows.jwks) key.expiresAt ??= new Date(Date.now() - 1000);
        },
        "POST /control/retire": () => {
            rows.jwks = rows.jwks.filter((key) => !key.expiresAt);
        },
    };
    const better = toNodeHandler(auth);
    server.on("request", (request, response) => {
        const change = control[`${request.method} ${request.url}`];
        if (!change) return better(request, response);
        change();
        response.writeHead(204).end();
    });
    return origin;
}

process.stdin.on("close", () => process.exit()).resume();

const origins = {};
for (const [name, kind] of Object.entries(kinds)) origins[name] = await start(kind);
console.log(JSON.stringify(origins));
