// Starts Rowkeep, Better Auth and the page, waits until each answers, and ends all three at Ctrl+C. `make example` runs it.
//
//   API_PORT, AUTH_PORT, PAGE_PORT   their ports, of 127.0.0.1; 0: any free one   [default: 8000, 3000, 5173]
//   DATA       where users, the built page and the logs are kept                  [default: target/example]
//   ROWKEEP    the program                                                        [default: target/debug/rowkeep]
//
// Arguments are settings of Rowkeep: `node examples/start.mjs --log-level debug`. It has no others, neither those of .env nor
// those of the environment: the example is the same everywhere.

import { execFileSync, spawn } from "node:child_process";
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
const stops = () => stop(0);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stops);

try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const [apiPort, authPort, pagePort] = await ports({ API_PORT: 8000, AUTH_PORT: 3000, PAGE_PORT: 5173 });
    const [api, auth, page] = [apiPort, authPort, pagePort].map((port) => `http://127.0.0.1:${port}`);

    const betterAuth = start("Better Auth", process.execPath, [join(here, "better-auth/server.mjs")], {
        PORT: authPort,
        PAGE: page,
        DATA: data,
    });
    const itself = start("Rowkeep", rowkeep, ["serve", ...process.argv.slice(2)], {
        ...unset(settings()),
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
            const chosen = process.env[variable] || port;
            if (!(Number(chosen) >= 0 && Number(chosen) < 65_536))
                throw new Error(`${variable} is ${chosen}; it must be a whole number from 0 to 65535`);
            const probe = createServer().listen(Number(chosen), "127.0.0.1");
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

/** The variables that Rowkeep reads, as its help lists them. */
function settings() {
    try {
        const help = execFileSync(rowkeep, ["--help"], { encoding: "utf8" });
        return [...help.matchAll(/\[env: (\w+)/g)].map(([, name]) => name);
    } catch (error) {
        throw new Error(`Rowkeep does not start: ${error.message}. ROWKEEP names another program`);
    }
}

/** Rowkeep takes an empty variable as a missing one, and does not read it from .env. */
function unset(names) {
    return Object.fromEntries(names.map((name) => [name, ""]));
}

/** Starts a server. It gets no Ctrl+C of the terminal: it is stopped when `life` ends, and that ends with this process. */
function start(name, program, parameters, variables) {
    const log = join(data, `${name.toLowerCase().replace(" ", "-")}.log`);
    const out = openSync(log, "w", 0o600);
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
    // Vite would end this process before the two servers have stopped.
    process.removeAllListeners("SIGTERM").once("SIGTERM", stops);
    process.stdin.removeAllListeners("end");
}

async function stop(code) {
    if (stopping) return;
    stopping = true;
    for (const { life } of servers) life?.stdin.end();
    await Promise.race([Promise.all(servers.map(({ ended }) => ended)), sleep(STOP_TIMEOUT)]);
    for (const { child } of servers) if (child.exitCode === null) child.kill("SIGKILL");
    process.exit(code);
}
