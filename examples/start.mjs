// Starts Rowkeep, Better Auth and the page, waits until each answers, and ends all three at Ctrl+C. `make example` runs it.
//
//   API_PORT, AUTH_PORT, PAGE_PORT   their ports, of 127.0.0.1; 0: any free one   [default: 8000, 3000, 5173]
//   DATA       where users, the built page and the logs are kept                  [default: target/example]
//   ROWKEEP    the program                                                        [default: target/debug/rowkeep]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { build, preview } from "vite";

const here = import.meta.dirname;
const data = resolve(process.env.DATA || join(here, "../target/example"));
const rowkeep = resolve(process.env.ROWKEEP || join(here, "../target/debug/rowkeep"));

// A first start makes a database, on a machine that may be busy.
const START_TIMEOUT = 120_000;
const STOP_TIMEOUT = 30_000;

const servers = [];
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => stop(0));

try {
    mkdirSync(data, { recursive: true });
    const [apiPort, authPort, pagePort] = await ports({ API_PORT: 8000, AUTH_PORT: 3000, PAGE_PORT: 5173 });
    const [api, auth, page] = [apiPort, authPort, pagePort].map((port) => `http://127.0.0.1:${port}`);

    const betterAuth = start("Better Auth", process.execPath, [join(here, "better-auth/server.mjs")], {
        PORT: authPort,
        PAGE: page,
        DATA: data,
    });
    const itself = start("Rowkeep", rowkeep, ["serve"], {
        HOST: "127.0.0.1",
        PORT: apiPort,
        BETTER_AUTH_URL: auth,
        CORS_ORIGINS: page,
    });
    await Promise.all([
        servesPage(pagePort, { VITE_API_URL: api, VITE_AUTH_URL: auth }),
        answers(betterAuth, `${auth}/api/auth/ok`),
        answers(itself, `${api}/health`),
    ]);

    console.log(`
  The page      ${page}     open it in a browser, and create an account
  Rowkeep       ${api}     ${itself.log}
  Better Auth   ${auth}     ${betterAuth.log}

Ctrl+C ends all three.`);
} catch (error) {
    if (!stopping) console.error(error.message);
    await stop(1);
}

/** The ports that the environment names, or the usual ones. Fails if one is taken. */
async function ports(usual) {
    return Promise.all(
        Object.entries(usual).map(async ([variable, port]) => {
            const probe = createServer().listen(process.env[variable] || port, "127.0.0.1");
            await once(probe, "listening").catch((error) => {
                const taken = error.code === "EADDRINUSE" ? `port ${error.port} is taken` : error.message;
                throw new Error(
                    `${taken}: end the program that has it, or choose another port: ${variable}=0 make example`,
                );
            });
            const free = probe.address().port;
            probe.close();
            await once(probe, "close");
            return free;
        }),
    );
}

/** Starts a server. It gets no Ctrl+C of the terminal: it is stopped when `life` ends, and that ends with this process. */
function start(name, program, parameters, variables) {
    const log = join(data, `${name.toLowerCase().replace(" ", "-")}.log`);
    const out = openSync(log, "w");
    const env = { ...process.env, ...variables };
    const child = spawn(program, parameters, {
        cwd: join(here, ".."),
        env,
        stdio: ["ignore", out, out],
        detached: true,
    });
    const server = { name, log, child, ended: new Promise((end) => child.once("exit", end).once("error", end)) };
    if (child.pid) {
        // The shell reads a pipe that only this process holds open, so that nothing stays if this process is killed.
        const kill = ["-c", 'read -r _; kill "$0" 2>/dev/null', String(child.pid)];
        server.life = spawn("sh", kill, { stdio: ["pipe", "ignore", "ignore"], detached: true });
    }
    server.ended.then(() => {
        if (stopping) return;
        console.error(`${name} has ended. The end of its log, ${log}:\n\n${readFileSync(log, "utf8").slice(-2000)}`);
        void stop(1);
    });
    servers.push(server);
    return server;
}

/** Waits until a server answers with success. */
async function answers({ name, log }, url) {
    for (const end = Date.now() + START_TIMEOUT; !stopping; await sleep(100)) {
        const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
        if (answer?.ok) return;
        if (Date.now() > end) throw new Error(`${name} does not answer ${url}: its log is ${log}`);
    }
}

/** Builds the page for these servers, and serves it. */
async function servesPage(port, variables) {
    Object.assign(process.env, variables);
    const root = join(here, "web");
    const outDir = join(data, "page");
    await build({ root, build: { outDir, emptyOutDir: true }, logLevel: "warn" });
    await preview({ root, build: { outDir }, preview: { port } });
}

async function stop(code) {
    if (stopping) return;
    stopping = true;
    for (const { life } of servers) life?.stdin.end();
    await Promise.race([Promise.all(servers.map(({ ended }) => ended)), sleep(STOP_TIMEOUT)]);
    for (const { child } of servers) if (child.exitCode === null) child.kill("SIGKILL");
    process.exit(code);
}
