import { testCommand } from "@denotune/denotune/testing";
import { commands } from "../../../plugins/commands/mod.ts";

for (const command of commands) testCommand(command);
