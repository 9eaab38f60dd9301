// Real Better Auth servers for the tests of identity: one for each way to sign, each with users and keys of its own.
//
// All have the secret in BETTER_AUTH_SECRET, which Better Auth reads by itself.
//
// Prints one line of JSON when all of them listen: the origin of each, under its name. Ends with its standard input, so
// that it cannot outlive the tests, however they end.
//
// Beside /api/auth each has a door for what in earnest takes months:
//   POST /control/rotate   the key that signs expires: Better Auth makes another one for its next token
//   POST /control/retire   keys that have expired leave the key set, as at the end of their grace period

import { webcrypto } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins/jwt";

// Node 18, which Debian 12 and Ubuntu 24.04 have, does not offer it unasked.
globalThis.crypto ??= webcrypto;

const signedWith = (alg) => ({ jwt: { jwks: { keyPairConfig: { alg } } } });
const sessionCookieIsJwt = { cookieCache: { enabled: true, strategy: "jwt" } };

const kinds = {
    // Nothing named: what Better Auth does by default.
    EdDSA: { jwt: {} },
    ES256: signedWith("ES256"),
    RS256: signedWith("RS256"),
    PS256: signedWith("PS256"),
    // The session cookie is a JWT as well: signed with the secret, or with the very key that tokens are signed with.
    cookieBySecret: { jwt: {}, session: sessionCookieIsJwt },
    cookieByKey: { jwt: { sessionCookieCache: true }, session: sessionCookieIsJwt },
};

/** Starts one server, and returns its origin. */
async function start(kind) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // Tokens carry it as their issuer and audience: it has to be known before Better Auth is made.
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
