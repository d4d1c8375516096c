/**
 * The tiny GPT of `webgpu_gpt_tiny.ts` in jax-js (`npm:@jax-js/jax`) on its WebGPU device: learned
 * positions, layer norm before each half, biases, tied head, tanh GELU, AdamW; one `jit` for the whole step.
 * Arrays of jax-js are owned: `ref` counts one use more.
 * @module
 */

/** What is used of jax-js's arrays. */
interface Tensor {
  readonly ref: Tensor;
  add(other: Tensor | number): Tensor;
  sub(other: Tensor | number): Tensor;
  mul(other: Tensor | number): Tensor;
  div(other: Tensor | number): Tensor;
  neg(): Tensor;
  mean(): Tensor;
  sum(axis?: number): Tensor;
  reshape(shape: readonly number[]): Tensor;
  transpose(order?: readonly number[]): Tensor;
  data(): Promise<ArrayLike<number>>;
}

/** What is used of jax-js. */
interface Jax {
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): string;
  blockUntilReady<T>(value: T): Promise<T>;
  jit<F>(f: F): F;
  valueAndGrad<A extends unknown[]>(
    f: (parameters: Tensor[], ...rest: A) => Tensor,
  ): (parameters: Tensor[], ...rest: A) => [Tensor, Tensor[]];
  readonly numpy: {
    array(data: ArrayLike<number>, options?: { dtype?: unknown }): Tensor;
    matmul(a: Tensor, b: Tensor): Tensor;
    split(a: Tensor, parts: number, axis: number): Tensor[];
    sqrt(a: Tensor): Tensor;
    zerosLike(a: Tensor): Tensor;
    readonly int32: unknown;
  };
  readonly nn: {
    oneHot(a: Tensor, classes: number): Tensor;
    gelu(a: Tensor, options?: { approximate: boolean }): Tensor;
    standardize(a: Tensor, axis: number): Tensor;
    logSoftmax(a: Tensor, axis: number): Tensor;
    dotProductAttention(
      q: Tensor,
      k: Tensor,
      v: Tensor,
      options: { isCausal: boolean },
    ): Tensor;
  };
}

/** Sizes of the model and its batch, and how it is timed. */
export interface JaxRequest {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly B: number;
  readonly T: number;
  readonly steps: number;
  readonly timed: (
    steps: number,
    run: (count: number) => Promise<void>,
  ) => Promise<{ ms: number; busy: number }>;
}

/** Trains it and says how long a step takes. */
export async function jax(
  request: JaxRequest,
): Promise<{ ms: number; busy: number; firstLoss: number; lastLoss: number }> {
  const { layers, width, heads, vocabulary, B, T, steps } = request;
  // Not a dependency of the project: fetched by whoever runs this.
  const specifier = ["npm:", "@jax-js/jax@0.1.25"].join("");
  const library: Jax = await import(specifier);
  const { numpy: np, nn } = library;
  await library.init("webgpu");
  library.defaultDevice("webgpu");

  const shapes: (readonly number[])[] = [[vocabulary, width], [T, width]];
  for (let l = 0; l < layers; l++) {
    shapes.push([width], [width], [width, 3 * width], [3 * width]);
    shapes.push([width, width], [width], [width], [width]);
    shapes.push([width, 4 * width], [4 * width], [4 * width, width], [width]);
  }
  shapes.push([width], [width]);
  // In the order above, scales of norms are the first of each pair [width], [width] before a matrix.
  const scales = new Set([shapes.length - 2]);
  for (let l = 0; l < layers; l++) scales.add(2 + l * 12).add(8 + l * 12);
  const make = (shape: readonly number[], n: number) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from(
      { length: count },
      (_, i) =>
        scales.has(n)
          ? 1
          : shape.length === 1
          ? 0
          : (((i * 7919) % 1009) / 1009 - 0.5) * 0.07,
    );
    return np.array(data).reshape(shape);
  };
  let parameters = shapes.map(make);
  let first = parameters.map((p) => np.zerosLike(p.ref));
  let second = parameters.map((p) => np.zerosLike(p.ref));

  const norm = (x: Tensor, scale: Tensor, shift: Tensor) =>
    nn.standardize(x, -1).mul(scale).add(shift);
  const loss = (p: Tensor[], tokens: Tensor, targets: Tensor): Tensor => {
    let x = np.matmul(nn.oneHot(tokens, vocabulary), p[0].ref)
      .reshape([B, T, width]).add(p[1]);
    for (let l = 0; l < layers; l++) {
      const [g1, b1, wQkv, bQkv, wO, bO, g2, b2, wUp, bUp, wDown, bDown] = p
        .slice(2 + l * 12, 14 + l * 12);
      const qkv = np.matmul(norm(x.ref, g1, b1), wQkv).add(bQkv);
      const [q, k, v] = np.split(qkv, 3, -1).map((part) =>
        part.reshape([B, T, heads, width / heads])
      );
      const mixed = nn.dotProductAttention(q, k, v, { isCausal: true })
        .reshape([B, T, width]);
      x = x.add(np.matmul(mixed, wO).add(bO));
      const up = nn.gelu(np.matmul(norm(x.ref, g2, b2), wUp).add(bUp));
      x = x.add(np.matmul(up, wDown).add(bDown));
    }
    const [g, b] = p.slice(-2);
    const logits = np.matmul(norm(x, g, b), p[0].transpose())
      .reshape([B * T, vocabulary]);
    return nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabulary))
      .sum(-1).mean().neg();
  };
  const [rate, beta1, beta2, eps, decay] = [1e-3, 0.9, 0.999, 1e-8, 0.01];
  const step = library.jit((
    p: Tensor[],
    m: Tensor[],
    v: Tensor[],
    corrections: Tensor[], // 1 - beta^t: changes, so it is an argument
    tokens: Tensor,
    targets: Tensor,
  ) => {
    const [value, gradients] = library.valueAndGrad(loss)(
      p.map((x) => x.ref),
      tokens,
      targets,
    );
    const newM = m.map((x, i) =>
      x.mul(beta1).add(gradients[i].ref.mul(1 - beta1))
    );
    const newV = v.map((x, i) =>
      x.mul(beta2).add(gradients[i].ref.mul(gradients[i]).mul(1 - beta2))
    );
    const newP = p.map((x, i) => {
      const up = newM[i].ref.div(corrections[0].ref);
      const down = np.sqrt(newV[i].ref.div(corrections[1].ref)).add(eps);
      return x.mul(1 - rate * decay).sub(up.div(down).mul(rate));
    });
    return [value, newP, newM, newV] as [Tensor, Tensor[], Tensor[], Tensor[]];
  });

  const N = B * T;
  const ids = Int32Array.from(
    { length: N },
    (_, i) => (i * 7919 + Math.floor(i / 3) * 31) % vocabulary,
  );
  const int = (data: Int32Array) => np.array(data, { dtype: np.int32 });
  const tokens = int(ids);
  const targets = int(ids.map((_, i) => ids[(i + 1) % N]));
  let t = 0;
  let last: Tensor | null = null;
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      t++;
      const corrections = [1 - beta1 ** t, 1 - beta2 ** t].map((x) =>
        np.array(Float32Array.of(x))
      );
      const [value, p, m, v] = step(
        parameters,
        first,
        second,
        corrections,
        tokens.ref,
        targets.ref,
      );
      [parameters, first, second] = [p, m, v];
      last = value;
    }
    await library.blockUntilReady(parameters.map((p) => p.ref));
  };
  const lossNow = async () => Number((await last!.data())[0]);
  await run(1);
  const firstLoss = await lossNow();
  await run(2);
  const measured = await request.timed(steps, run);
  return { ...measured, firstLoss, lastLoss: await lossNow() };
}
