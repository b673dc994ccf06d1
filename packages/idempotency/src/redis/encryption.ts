import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Keys that records are encrypted with; see `RedisStoreOptions.encryption`. */
export interface EncryptionOptions {
  /**
   * Every key that a record may still be encrypted with, by its id: 32 bytes each, from a secret
   * store. An id has 1 to 32 visible ASCII characters and is stored beside the record. To rotate,
   * add the new key everywhere, then make it the current one everywhere; remove the old one when
   * the longest retention has passed.
   */
  readonly keys: Readonly<Record<string, Uint8Array>>
  /** The key that new records are encrypted with. */
  readonly currentKeyId: string
  /**
   * Reads records that are not encrypted, too: for one retention after encryption was switched on.
   * Whoever can write to Redis can then forge answers.
   * @defaultValue false
   */
  readonly readPlain?: boolean
}

/** What a payload is; one kind cannot be passed off as the other. */
export type PayloadKind = 'result' | 'checkpoint'

/** Neither JSON nor a stored response begins with it. */
const format = 0xe1
const ivBytes = 12
const tagBytes = 16

/**
 * Encrypts what handlers answered, with AES-256-GCM. The record's id and the kind of payload are
 * authenticated with it, so nobody can give one record the answer of another.
 *
 *   byte 0     format, 0xe1
 *   byte 1     length of the key's id
 *   then       the key's id, 12 random bytes, 16 bytes of authentication, the encrypted payload
 */
export class PayloadCipher {
  readonly #options: EncryptionOptions
  readonly #current: { readonly id: Buffer; readonly key: Uint8Array }

  /** The options have been checked. */
  constructor(options: EncryptionOptions) {
    this.#options = options
    const { currentKeyId, keys } = options
    this.#current = { id: Buffer.from(currentKeyId), key: keys[currentKeyId] ?? new Uint8Array() }
  }

  seal(id: string, kind: PayloadKind, payload: Uint8Array): Uint8Array {
    const { id: keyId, key } = this.#current
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context(id, kind))
    const encrypted = Buffer.concat([cipher.update(payload), cipher.final()])
    const begin = Buffer.from([format, keyId.length])
    return Buffer.concat([begin, keyId, iv, cipher.getAuthTag(), encrypted])
  }

  /** `undefined` for what was changed, belongs elsewhere or needs a key that is not here. */
  open(id: string, kind: PayloadKind, sealed: Uint8Array): Uint8Array | undefined {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    if (bytes[0] !== format) return this.#options.readPlain === true ? sealed : undefined
    const ivAt = 2 + (bytes[1] ?? 0)
    const tagAt = ivAt + ivBytes
    const encryptedAt = tagAt + tagBytes
    const keyId = bytes.toString('latin1', 2, ivAt)
    const { keys } = this.#options
    const key = Object.hasOwn(keys, keyId) ? keys[keyId] : undefined
    if (key === undefined || bytes.length < encryptedAt) return undefined
    const options = { authTagLength: tagBytes }
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(ivAt, tagAt), options)
    decipher.setAAD(context(id, kind)).setAuthTag(bytes.subarray(tagAt, encryptedAt))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(encryptedAt)), decipher.final()])
    } catch {
      return undefined
    }
  }
}

function context(id: string, kind: PayloadKind): Buffer {
  return Buffer.from(`${kind} of ${id}`, 'utf8')
}
