/**
 * A certificate that its holder signed for `localhost`, for tests that fetch by https; `DENO_CERT` makes Deno trust it.
 * Made once, good for a hundred years:
 *
 * ```sh
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 36500 \
 *   -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE
 * ```
 *
 * @module
 */

/** The certificate. */
export const CERT = `-----BEGIN CERTIFICATE-----
MIIBlzCCAT6gAwIBAgIUK/puR8mat5R4Q5k+kqZwqQakHh8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjAxMTA0OFoYDzIxMjYxMDI5
MDExMDQ4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ9GDCxyelpXvBisi3DEIBbAjOaTIuZn2gtMuBlmsGcTYEfJwE4uCSE
kwoRbFkcEmcmiIBekE0xJHMSJ26gOCnto2wwajAdBgNVHQ4EFgQUMt7xLOZkKC2q
Q0xmvFPWBCe0QDowHwYDVR0jBBgwFoAUMt7xLOZkKC2qQ0xmvFPWBCe0QDowGgYD
VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0E
AwIDRwAwRAIga0hV1F5FHX1fx2Rvh17e/201IRWLhkOHOdbPjsuEQasCIF794ZNy
HWHYCw36Wv/a1YJe96hLoTriHAym/dhNmB0U
-----END CERTIFICATE-----
`;

/** Its key. It opens nothing but the servers of these tests. */
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgttf764I1oN7+MDJL
My8zenRrR0FO6FQct8w9y67QyWyhRANCAAQ9GDCxyelpXvBisi3DEIBbAjOaTIuZ
n2gtMuBlmsGcTYEfJwE4uCSEkwoRbFkcEmcmiIBekE0xJHMSJ26gOCnt
-----END PRIVATE KEY-----
`;
