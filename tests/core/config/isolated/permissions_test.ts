import assert from "node:assert/strict";
import {
  flagOf,
  permissionFault,
} from "../../../../core/config/isolated/permissions.ts";

Deno.test("an isolated plugin may be granted a path, a host or a variable, each by its name", () => {
  for (const fine of ["read:/data", "net:example.com:443", "env:API_KEY"]) {
    assert.equal(permissionFault(fine), null);
  }
  assert.equal(flagOf("read:/data,more"), "--allow-read=/data,,more");
  assert.match(permissionFault("run:git") ?? "", /nothing else/);
  assert.match(permissionFault("net") ?? "", /name what it may use/);
  assert.match(permissionFault("read:data") ?? "", /from the root/);
});
