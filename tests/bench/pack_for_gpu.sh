#!/bin/sh
# Packs what a machine with a GPU and without a network needs to run the WebGPU tests and benchmarks: Deno's
# binary, the Vulkan loader, and the npm packages of the tests. Everything lies in .gpu/, which git ignores
# (add /.gpu/ to .git/info/exclude).
#
#   here:   sh tests/bench/pack_for_gpu.sh
#   there:  . .gpu/enter.sh && deno test -A --no-check tests/backends/webgpu
#           . .gpu/enter.sh && deno run -A --no-check tests/bench/webgpu_matmul.ts
#
# Needs: deno, xz, and for the loader a Debian system with apt-get (left out where the other machine has one).
set -eu
cd "$(dirname "$0")/../.."
rm -rf .gpu
mkdir -p .gpu/cache .gpu/loader

# npm's `deno` starts a binary beside it: the running one is asked for.
xz -T0 -3 -c "$(deno eval --no-config 'console.log(Deno.execPath())')" > .gpu/deno.xz

DENO_DIR="$PWD/.gpu/cache" deno cache --node-modules-dir=none --no-lock --no-check \
  backends/webgpu/mod.ts tests/backends/webgpu/*.ts tests/bench/webgpu_*.ts \
  tests/golden/trajectory_test.ts tests/golden/stories260k_test.ts

if command -v apt-get > /dev/null; then
  (cd .gpu/loader && apt-get -o APT::Architecture=amd64 download libvulkan1) ||
    echo "no Vulkan loader was packed: the other machine must have libvulkan.so.1" >&2
fi

cat > .gpu/enter.sh << 'END'
# To be sourced in the repository's root on the machine with the GPU.
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
gpu=/tmp/denotune-gpu
mkdir -p "$gpu/bin"
[ -x "$gpu/bin/deno" ] || { xz -dc .gpu/deno.xz > "$gpu/bin/deno" && chmod +x "$gpu/bin/deno"; }
if ! ldconfig -p | grep -q libvulkan.so.1; then
  for package in .gpu/loader/*.deb; do dpkg -x "$package" "$gpu/loader"; done
  export LD_LIBRARY_PATH="$gpu/loader/usr/lib/x86_64-linux-gnu:${LD_LIBRARY_PATH:-}"
fi
for icd in /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json /etc/vulkan/icd.d/nvidia_icd.json \
  /usr/share/vulkan/icd.d/nvidia_icd.json; do
  if [ -z "${VK_DRIVER_FILES:-}" ] && [ -e "$icd" ]; then export VK_DRIVER_FILES="$icd"; fi
done
export DENO_DIR="$PWD/.gpu/cache" PATH="$gpu/bin:$PATH"
END

du -sh .gpu
