// Who is signed in at Better Auth, and the token that says so to Rowkeep.

import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";

import { Failure } from "./failure";

export const auth = createAuthClient({ baseURL: import.meta.env.VITE_AUTH_URL, plugins: [jwtClient()] });

export interface User {
    id: string;
    email: string;
}

/** The user of this browser's session, if there is one. */
export async function currentUser(): Promise<User | null> {
    const { data, error } = await reached(auth.getSession());
    if (error) throw unreachable();
    if (data?.user.id !== user?.id) token = undefined;
    user = data?.user ?? null;
    return user;
}

export async function signOut(): Promise<void> {
    const { error } = await reached(auth.signOut());
    if (error) throw unreachable();
    user = null;
    token = undefined;
}

let user: User | null = null;
let token: { jwt: string; renewAt: number } | undefined;
let renewal: Promise<string> | undefined;

/** A token of the user. `refused` is one that Rowkeep did not accept: another one is fetched then. */
export async function jwt(refused?: string): Promise<string> {
    if (token && token.jwt !== refused && Date.now() < token.renewAt) return token.jwt;
    // Requests at the same time share one renewal.
    renewal ??= renew().finally(() => (renewal = undefined));
    return renewal;
}

async function renew(): Promise<string> {
    const { data, error } = await reached(auth.token());
    if (error?.status === 401) throw new SessionEnded();
    if (!data) throw unreachable();
    const { sub, iat, exp } = claims(data.token);
    // Another tab can have signed in somebody else: this page still shows the tasks of the user before.
    if (sub !== user?.id) throw new SessionEnded();
    // A minute before it expires. Its lifetime counts, not its times: the clock of this machine may be wrong.
    token = { jwt: data.token, renewAt: Date.now() + (exp - iat - 60) * 1000 };
    return data.token;
}

function claims(jwt: string): { sub: string; iat: number; exp: number } {
    const payload = jwt.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
}

/** Nobody is signed in any more, or somebody else is. */
export class SessionEnded extends Error {}

function reached<T>(answer: Promise<T>): Promise<T> {
    return answer.catch(() => Promise.reject(unreachable()));
}

function unreachable() {
    return new Failure("The sign-in server cannot be reached. Nothing was changed: try again.", "unchanged");
}
