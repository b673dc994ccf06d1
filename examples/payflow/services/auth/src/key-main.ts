/*
 * `npm run auth-key -- new FILE` makes a key that can sign access tokens, for the eyes of its owner
 * only, and says its kid. `npm run auth-key -- public FILE…` prints the public halves as a JWK set.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { keyIdOf, newPrivateJwk, privateJwk, publicHalfOf } from './keys.ts'

const [command, ...files] = process.argv.slice(2)
const [file] = files

if (command === 'new' && file !== undefined && files.length === 1) {
  const key = newPrivateJwk()
  // Never over a key that may be in use.
  writeFileSync(file, `${JSON.stringify(key)}\n`, { mode: 0o600, flag: 'wx' })
  process.stdout.write(`${keyIdOf(key)}\n`)
} else if (command === 'public' && files.length > 0) {
  const keys = files.map((one) => privateJwk.parse(JSON.parse(readFileSync(one, 'utf8'))))
  process.stdout.write(`${JSON.stringify({ keys: keys.map(publicHalfOf) })}\n`)
} else {
  process.stderr.write('npm run auth-key -- new FILE | npm run auth-key -- public FILE…\n')
  process.exitCode = 64
}
