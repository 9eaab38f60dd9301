// Starts Scalar. Nothing of it may ask another server: the policy of this page would refuse that with an error.
(async () => {
    const ready = await readyToken();
    if (ready) {
        const notice = document.getElementById("ready");
        notice.textContent = `Development: you are ${ready.user}, with a ready token. You can paste another one.`;
        notice.hidden = false;
    }
    Scalar.createApiReference("#app", {
        url: "/openapi.json",
        authentication: {
            preferredSecurityScheme: "bearerAuth",
            securitySchemes: { bearerAuth: { token: ready ? ready.token : "" } },
        },
        persistAuth: false,
        withDefaultFonts: false,
        telemetry: false,
        showDeveloperTools: "never",
        hideClientButton: true,
        agent: { disabled: true },
        mcp: { disabled: true },
    });

    // Only a development server has one, and only for browsers on its own machine.
    async function readyToken() {
        const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
        if (document.getElementById("app").dataset.readyToken !== "yes" || !isHere) return null;
        try {
            const answer = await fetch("/docs/token", { method: "POST" });
            return answer.ok ? await answer.json() : null;
        } catch {
            return null;
        }
    }
})();
