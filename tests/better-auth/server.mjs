// Real Better Auth servers for the tests of sign-in: one for each way to sign, each with its own users and keys. They are
// those of the example, with other settings.
//
// All use the secret in BETTER_AUTH_SECRET, which Better Auth itself reads.
//
// When all servers listen, prints one line of JSON with the origin of each by its name. Ends when its standard input
// closes, so that it never outlives the tests.
//
// Beside /api/auth, two paths do what normally takes months:
//   POST /control/rotate   lets the signing key expire: Better Auth makes a new one for the next token
//   POST /control/retire   removes expired keys from the key set, as at the end of their grace period
//
// One path answers with what else is signed with the secret:
//   GET /control/links     the texts in the links of e-mails, as a JSON array

import { once } from "node:events";
import { createServer } from "node:http";

import { betterAuthHandler, emptyTables } from "../../examples/better-auth/auth.mjs";
import { createEmailVerificationToken } from "../../examples/node_modules/better-auth/dist/api/index.mjs";

const signedWith = (alg) => ({ jwks: { keyPairConfig: { alg } } });
const sessionCookieIsJwt = { cookieCache: { enabled: true, strategy: "jwt" } };

const kinds = {
    // The default of Better Auth.
    EdDSA: {},
    ES256: { tokens: signedWith("ES256") },
    RS256: { tokens: signedWith("RS256") },
    PS256: { tokens: signedWith("PS256") },
    // The session cookie is a JWT, too: signed with the secret, or with the same key as the tokens.
    cookieBySecret: { session: sessionCookieIsJwt },
    cookieByKey: { session: sessionCookieIsJwt, tokens: { sessionCookieCache: true } },
};

/** Starts one server and returns its origin. */
async function start({ session, tokens }) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const origin = `http://127.0.0.1:${server.address().port}`;

    const tables = emptyTables();
    const options = { session, rateLimit: { enabled: false } };
    const handle = betterAuthHandler({ origin, tables, options, tokens });

    const control = {
        "POST /control/rotate": () => {
            for (const key of tables.jwks) key.expiresAt ??= new Date(Date.now() - 1000);
        },
        "POST /control/retire": () => {
            tables.jwks = tables.jwks.filter((key) => !key.expiresAt);
        },
    };
    server.on("request", async (request, response) => {
        if (request.url === "/control/links") return response.end(JSON.stringify(await links()));
        const change = control[`${request.method} ${request.url}`];
        if (!change) return handle(request, response);
        change();
        response.writeHead(204).end();
    });
    return origin;
}

/** What Better Auth sends to verify an address, and to change it. */
function links() {
    const link = (...rest) => createEmailVerificationToken(process.env.BETTER_AUTH_SECRET, "alice@example.test", ...rest);
    return Promise.all([
        link(undefined, 3600, { userId: "alice" }),
        link("new@example.test", 3600, { userId: "alice", requestType: "change-email-confirmation" }),
        link("new@example.test", 3600, { userId: "alice", requestType: "change-email-verification" }),
    ]);
}

process.stdin.on("close", () => process.exit()).resume();

const origins = {};
for (const [name, kind] of Object.entries(kinds)) origins[name] = await start(kind);
console.log(JSON.stringify(origins));
