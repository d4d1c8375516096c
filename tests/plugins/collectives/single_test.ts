import { single } from "../../../plugins/collectives/single.ts";
import { testCollective } from "../../conformance/collective.ts";
import { testHost } from "../../conformance/host.ts";

testCollective(
  "single",
  async () => [await single.create({}, testHost())],
  [1],
);
