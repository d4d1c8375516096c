/**
 * A process that fetches the test's model, to be killed or to run beside another.
 * @module
 */
import { fetchModel } from "../../../../core/io/hub/fetch_model.ts";

await fetchModel({ id: "owner/name", revision: "main" });
