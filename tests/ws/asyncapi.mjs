// Is openapi/asyncapi.yaml a valid AsyncAPI document? By @asyncapi/parser, which is what `asyncapi validate` of @asyncapi/cli
// asks; the cli itself brings 1.5 GB of packages. Prints what is wrong; status 1 where that is an error or a warning.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const WARNING = 1; // and 0 is an error
const text = readFileSync(new URL("../../openapi/asyncapi.yaml", import.meta.url), "utf8");
const { document, diagnostics } = await new Parser().parse(text);
const wrong = diagnostics.filter(d => d.severity <= WARNING);
for (const d of wrong) console.log(`${d.path.join(".")}: ${d.message} (${d.code})`);
console.log(`AsyncAPI ${document?.version()}: ${document?.allMessages().length ?? 0} messages, ${wrong.length} wrong`);
process.exitCode = !document || wrong.length ? 1 : 0;
