import assert from "node:assert/strict";
import { describeBos } from "../../../../core/run/open/describe_bos.ts";
import { byteTokenizer } from "../../../../plugins/tokenizers/byte.ts";
import { fromJinja, makeTemplate } from "../../../plugins/templates/_make.ts";

const CHAT = { messages: [{ role: "user", content: "a" }] } as const;

Deno.test("describeBos says whether template or tokenizer writes it, or none does", async () => {
  const adds = byteTokenizer({ add_bos: true });
  const addsNone = byteTokenizer({ add_bos: false });
  const bos = adds.specialTokens.bos ?? "";
  const context = {
    specialTokens: adds.specialTokens,
    chatTemplate: null,
    addsBos: true,
  };
  const silent = fromJinja("{{ messages[0].content }}", context);
  const writes = fromJinja("{{ bos_token + messages[0].content }}", context);
  const plain = await makeTemplate("plain", {}, context);
  assert.equal(
    describeBos(CHAT, { tokenizer: adds, template: silent }),
    "no BOS: the chat template writes none, and none is added to what it writes (as apply_chat_template does)",
  );
  assert.equal(
    describeBos(CHAT, { tokenizer: adds, template: writes }),
    `BOS ${bos} from the template`,
  );
  assert.equal(
    describeBos(CHAT, { tokenizer: adds, template: plain }),
    `BOS ${bos} from the tokenizer`,
  );
  assert.equal(
    describeBos(CHAT, { tokenizer: addsNone, template: plain }),
    "no BOS",
  );
  assert.equal(
    describeBos({ ids: [1, 2] }, { tokenizer: adds, template: plain }),
    null,
  );
});
