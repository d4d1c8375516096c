/** A server that takes llama-server's options and misbehaves: `wrong`, `silent` or `crash`, its first argument. */
const [mode, ...args] = Deno.args;
const valueOf = (option: string) => args[args.indexOf(option) + 1];
if (mode === "crash") {
  console.error("llama_model_load: error loading model: no such tensor");
  console.error("exiting");
  Deno.exit(3);
}
// a server that does not end when it is asked to
if (mode === "silent") Deno.addSignalListener("SIGTERM", () => {});
Deno.serve({
  hostname: valueOf("--host"),
  port: Number(valueOf("--port")),
  onListen: () => {},
}, (request) => {
  const { pathname } = new URL(request.url);
  if (mode === "silent") return new Response("{}", { status: 503 });
  return Response.json(
    pathname === "/completion"
      ? { tokens: [1, 2, 3] }
      : { status: "ok", build_info: "b1-fake" },
  );
});
