/**
 * One of several cards. No machine of ours has two: what a list of cards gives is tried here, Vulkan's own list with
 * one driver and with two of them.
 */
import assert from "node:assert/strict";
import {
  type Card,
  chooseCard,
  describeCard,
  listCards,
  selectionOf,
} from "../../../../backends/webgpu/runtime/cards.ts";
import { findAdapter } from "../../../../backends/webgpu/runtime/adapter.ts";

const CARDS: readonly Card[] = [
  { name: "NVIDIA H200", vendor: 0x10de, device: 0x2335, pci: "0000:01:00.0" },
  { name: "NVIDIA H200", vendor: 0x10de, device: 0x2335, pci: "0000:41:00.0" },
  { name: "AMD Radeon PRO W7900", vendor: 0x1002, device: 0x7448, pci: null },
];

Deno.test("a card is named by its number, its PCI address, a part of its name, or the rank", () => {
  const index = (adapter: number | string, rank: number | null = null) => {
    const card = chooseCard(CARDS, adapter, rank);
    return "reason" in card ? card.reason : CARDS.indexOf(card);
  };
  assert.equal(index(1), 1);
  assert.equal(index("1"), 1);
  assert.equal(index("0000:41:00.0"), 1);
  assert.equal(index("radeon"), 2);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((rank) => index("local-rank", rank)),
    [0, 1, 2, 0, 1],
  );
  assert.equal(index("local-rank"), 0);
  assert.match(
    String(index("H200")),
    /fits 2 of them: .*0: NVIDIA H200 \(0000:01:00\.0\); 1: .*Give its number/,
  );
  assert.match(String(index(3)), /there is no `adapter: 3`: .*2: AMD Radeon/);
  assert.match(String(index("Arc")), /there is no `adapter: Arc`/);
  assert.deepEqual(chooseCard([], "local-rank", 0), {
    reason: "no adapter for this rank: Vulkan finds none",
  });
});

Deno.test("two cards of one kind are told apart by their PCI address, others by their ids", () => {
  assert.equal(selectionOf(CARDS[1]).DRI_PRIME, "pci-0000_41_00_0");
  assert.equal(selectionOf(CARDS[2]).MESA_VK_DEVICE_SELECT, "1002:7448");
  assert.equal(describeCard(CARDS[2], 2), "2: AMD Radeon PRO W7900");
});

const found = await findAdapter({
  adapter: "auto",
  power_preference: "high-performance",
});
const description = "reason" in found ? null : found.info.description;

Deno.test({
  name:
    "Vulkan lists the adapter that WebGPU takes, and an adapter that is not there is refused with the list",
  ignore: Deno.build.os !== "linux" || description === null,
  async fn() {
    const cards = listCards();
    assert.ok(cards !== null);
    assert.ok(cards.some(({ name }) => name === description));
    const asked = (adapter: number | string) =>
      findAdapter({ adapter, power_preference: "high-performance" });
    const before = Deno.env.toObject();
    const first = await asked("local-rank");
    assert.ok("reason" in first || first.info.description === cards[0].name);
    assert.deepEqual(Deno.env.toObject(), before);
    const missing = await asked("no such card");
    assert.ok("reason" in missing);
    assert.match(missing.reason, /there is no `adapter: no such card`: Vulkan/);
    assert.ok(missing.reason.includes(description!));
  },
});
