// The self-signed certificate of the embedded server, for `localhost`. The key is public, so it protects nothing. Make your own with
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key.pem -out cert.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgm0qaypde6Xry3X1r
mvnEOsf5azil04hBpDgoXHARfDyhRANCAAQmvqdqg6ZuFtCFySVnc7H9lyER1DX7
HMakkW+qXQ3vgTpuRT7+YRx/SG1G2sKD+AXhbl8t+8mNZzH3NXirj5Rb
-----END PRIVATE KEY-----
`;

export const cert = `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUDeA2e0/rF5f3or3modQiM1PLzmswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzExNDU0NFoYDzIxMTkxMjI2
MTE0NTQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQmvqdqg6ZuFtCFySVnc7H9lyER1DX7HMakkW+qXQ3vgTpuRT7+YRx/
SG1G2sKD+AXhbl8t+8mNZzH3NXirj5Rbo2kwZzAdBgNVHQ4EFgQUve0rZbXxg2kQ
dQHnQs5EjVHM8mQwHwYDVR0jBBgwFoAUve0rZbXxg2kQdQHnQs5EjVHM8mQwFAYD
VR0RBA0wC4IJbG9jYWxob3N0MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
RwAwRAIgKTRLNA6ENQJMrwumWQRHr/ri074zjefPCfWsKjO5zlMCIGotFKSlwKxw
2InEmJHVgJA2MmX81vzXonTK7sRAvvRz
-----END CERTIFICATE-----
`;
