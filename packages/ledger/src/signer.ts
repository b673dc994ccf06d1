import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Checkpoint, checkpointText } from './checkpoint-format.ts'
import { LedgerError } from './errors.ts'
import { requireObject } from './require-object.ts'
import { shown } from './shown.ts'

/**
 * Signs checkpoints with Ed25519. A port, so that the private key can stay in a KMS: `sign` gets the
 * bytes and gives back the 64 of the signature.
 */
export interface CheckpointSigner {
  /** Name of the key, 1–64 characters of `A–Z a–z 0–9 . _ : -`. Never give it to another key. */
  readonly keyId: string
  /** The same bytes get the same signature, as is Ed25519's way: a second one is kept as well. */
  sign(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** Public keys by `keyId`: Ed25519, as a `KeyObject` or as PEM. */
export type PublicKeys = Readonly<Record<string, KeyObject | string>>

const KEY_ID = /^[A-Za-z0-9._:-]{1,64}$/

/**
 * A signer whose private key is in this process.
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when it is not an Ed25519 private
 * key, or `keyId` is none.
 */
export function ed25519Signer(options: {
  readonly keyId: string
  readonly privateKey: KeyObject
}): CheckpointSigner {
  const { privateKey } = requireObject('ed25519Signer', options)
  const keyId = plainKeyId(options.keyId)
  if (privateKey?.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
    throw new LedgerError('LEDGER_INVALID_OPTION', `privateKey of ${keyId} is not Ed25519's`)
  }
  return { keyId, sign: (bytes) => sign(null, bytes, privateKey) }
}

/** The signer, or an error before anything is written that it was to sign. */
export function readSigner(signer: CheckpointSigner): CheckpointSigner {
  plainKeyId(requireObject('signer', signer).keyId)
  if (typeof signer.sign === 'function') return signer
  throw new LedgerError('LEDGER_INVALID_OPTION', `the signer ${signer.keyId} has no sign()`)
}

/** The key id, or an error. */
export function plainKeyId(keyId: unknown): string {
  if (typeof keyId === 'string' && KEY_ID.test(keyId)) return keyId
  const message = `keyId must be 1–64 of A–Z a–z 0–9 . _ : -: ${shown(keyId)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}

/** Keys ready for use, by id; undefined when the caller does not look at signatures. */
export function readPublicKeys(
  keys: PublicKeys | undefined,
): ReadonlyMap<string, KeyObject> | undefined {
  if (keys === undefined) return undefined
  const entries = Object.entries(requireObject('publicKeys', keys))
  return new Map(entries.map(([keyId, key]) => [plainKeyId(keyId), publicKey(key)]))
}

function publicKey(key: KeyObject | string): KeyObject {
  try {
    const read = typeof key === 'string' ? createPublicKey(key) : key
    if (read.type === 'public' && read.asymmetricKeyType === 'ed25519') return read
  } catch (cause) {
    throw new LedgerError('LEDGER_INVALID_OPTION', 'a public key is no PEM', { cause })
  }
  throw new LedgerError('LEDGER_INVALID_OPTION', "a public key is not Ed25519's")
}

/**
 * What is wrong with the signatures of a checkpoint; each key we do not know is passed over. One that
 * verifies speaks for its key, whatever else somebody has put under the same id.
 */
export function signatureFaults(
  checkpoint: Checkpoint,
  keys: ReadonlyMap<string, KeyObject>,
): readonly { readonly fault: 'unsigned' | 'invalid'; readonly keyId: string | null }[] {
  const text = Buffer.from(checkpointText(checkpoint))
  const known = checkpoint.signatures.filter(({ keyId }) => keys.has(keyId))
  if (known.length === 0) return [{ fault: 'unsigned', keyId: null }]
  const verified = known.filter(({ keyId, signature }) => {
    const key = keys.get(keyId) as KeyObject
    return verify(null, text, key, Buffer.from(signature, 'hex'))
  })
  const invalid = new Set(known.map(({ keyId }) => keyId))
  for (const { keyId } of verified) invalid.delete(keyId)
  return [...invalid].map((keyId) => ({ fault: 'invalid', keyId }))
}
