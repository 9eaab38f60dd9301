// A Better Auth server with what Rowkeep needs: people who sign in, and the jwt plugin.

import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins/jwt";

/** The tables of a server that nobody has signed up at. */
export const emptyTables = () => ({ user: [], session: [], account: [], verification: [], jwks: [] });

/**
 * Answers the requests to a Better Auth server.
 *
 * @param origin   its address. It is the issuer and the audience of its tokens.
 * @param tables   where it keeps its rows. A server of yours has a database here.
 * @param pages    the origins of the pages that may sign people in, if they are not its own
 * @param options  settings of betterAuth() that are different
 * @param tokens   settings of the jwt plugin; none are needed
 */
export function betterAuthHandler({ origin, tables, pages = [], options = {}, tokens = {} }) {
    return toNodeHandler(
        betterAuth({
            baseURL: origin,
            trustedOrigins: pages,
            database: memoryAdapter(tables),
            emailAndPassword: { enabled: true },
            plugins: [jwt(tokens)],
            telemetry: { enabled: false },
            logger: { level: "error" },
            ...options,
        }),
    );
}
