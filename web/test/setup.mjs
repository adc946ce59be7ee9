// Debian's node 18 has what browsers have, but not under its name.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
