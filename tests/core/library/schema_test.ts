import assert from "node:assert/strict";
import { loadModel } from "@denotune/denotune";
import { Ajv2020 } from "ajv/dist/2020.js";
import { run } from "../cli/_run.ts";
import { WRITTEN } from "../engine/constrain/_schemas.ts";
import { testFolder } from "../../run_harness.ts";
import { testData } from "../../test_data.ts";

const MODEL = testData("models/stories260k");
const PERSON = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 20 },
    age: { type: "integer", minimum: 0, maximum: 130 },
  },
  required: ["name", "age"],
  additionalProperties: false,
};

Deno.test({
  name: "a model that writes stories answers by schemas, drawn or greedy",
  ignore: MODEL === null,
  fn: async () => {
    await using model = await loadModel(MODEL ?? "", {
      backend: "cpu",
      logits: true,
      rows: 4,
    });
    const finite = WRITTEN.filter(([name]) =>
      [
        "a sentiment",
        "a person",
        "an invoice",
        "GeoJSON",
        "dates",
        "enum of all kinds",
        "a movie review",
      ]
        .includes(name)
    );
    const ajv = new Ajv2020({
      strict: false,
      validateFormats: false,
      multipleOfPrecision: 9,
    });
    let parsed = 0;
    for (const [name, schema] of finite) {
      const check = ajv.compile(Object(schema));
      for (const temperature of [0, 1]) {
        const answers = await model.generateAll(["Once", "Lily saw"], {
          schema,
          temperature,
          maxNewTokens: 400,
        });
        for (const { text, finish } of answers) {
          if (finish === "length") continue; // the model never closes its text
          assert.ok(check(JSON.parse(text)), `${name}: ${text}`);
          parsed++;
        }
      }
    }
    assert.ok(parsed >= 20, `${parsed} answers were whole`);
    const [text, more] = await model.generateAll(["Once", "Lily saw"], {
      schema: PERSON,
    });
    const alone = await model.generate("Lily saw", { schema: PERSON });
    assert.equal(more.text, alone.text);
    assert.equal(typeof JSON.parse(text.text).age, "number");
    assert.throws(() => model.checkSchema({ not: {} }), /not cannot be held/);
    await assert.rejects(
      model.generate("Once", { schema: { type: "strin" } }),
      /the type "strin" is not known/,
    );
  },
});

Deno.test({
  name:
    "generate --schema writes JSON, and refuses what is no schema before it loads",
  ignore: MODEL === null,
  fn: async () => {
    using folder = testFolder();
    Deno.writeTextFileSync(folder.at("p.json"), JSON.stringify(PERSON));
    Deno.writeTextFileSync(folder.at("broken.json"), "{");
    const asked = (schema: string) =>
      run("generate", MODEL ?? "", "--raw", "-pOnce", `--schema=${schema}`);
    const { out, code } = await asked(folder.at("p.json"));
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(JSON.parse(out)), ["name", "age"]);
    const broken = await asked(folder.at("broken.json"));
    assert.equal(broken.code, 2);
    assert.match(broken.err, /Cannot read the schema .*broken\.json/);
  },
});
