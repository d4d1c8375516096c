/**
 * Models that people know by name, from the facts that model parts bring: those of plugins too.
 * @module
 */
import {
  ConfigError,
  createPart,
  creatingWith,
  type ModelFamily,
  nearest,
  type PopularModel,
  type Registry,
} from "@denotune/denotune/core";

/** A model, and what is known of its type. */
export interface KnownModel {
  readonly model: PopularModel;
  readonly family: ModelFamily;
}

/** What is known of the types that a model part reads. */
export async function familiesOf(
  part: string,
  registry: Registry,
): Promise<readonly ModelFamily[]> {
  const architecture = await createPart("model", part, creatingWith(registry));
  return architecture.families ?? [];
}

/** Every model that some part knows. */
export async function knownModels(
  registry: Registry,
): Promise<readonly KnownModel[]> {
  const found: KnownModel[] = [];
  for (const name of registry.names("model")) {
    for (const family of await familiesOf(name, registry)) {
      for (const model of family.popular) found.push({ model, family });
    }
  }
  return found;
}

/** `gemma-3-270m` of `google/gemma-3-270m`. */
export function shortName({ id }: PopularModel): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

/** The model of a Hub id or of a short name, however its case and its signs are written; null: not known. */
export function findKnown(
  name: string,
  known: readonly KnownModel[],
): KnownModel | null {
  const fold = (s: string) => s.toLowerCase().replaceAll(/[^a-z0-9/]/g, "");
  const wanted = fold(name);
  return known.find(({ model }) =>
    fold(wanted.includes("/") ? model.id : shortName(model)) === wanted
  ) ?? null;
}

/** The known name nearest to one that was written: of Hub ids for a Hub id, else of short names. */
export function nearestKnown(
  name: string,
  known: readonly KnownModel[],
): string | null {
  return nearest(
    name,
    known.map(({ model }) => name.includes("/") ? model.id : shortName(model)),
  );
}

/** The refusal of a bare name that nobody knows. */
export function unknownModel(
  name: string,
  known: readonly KnownModel[],
): ConfigError {
  const near = nearestKnown(name, known);
  const names = known.map(({ model }) => shortName(model)).join(", ");
  return new ConfigError(
    `There is no folder ${name}, and no model is known by this name${
      near === null ? "" : `; the nearest is ${near}`
    }. Name a folder, a Hub id (owner/name), or one of: ${names}`,
  );
}
