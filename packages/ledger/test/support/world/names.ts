import { randomBytes } from 'node:crypto'

/**
 * UUIDs for names, new ones for each world. The number in the name is the last byte, so that which
 * part of a sharded account an id falls on is as repeatable as the rest of a world.
 */
export class Names {
  readonly #prefix = randomBytes(14).toString('hex')
  readonly #ids = new Map<string, string>()
  readonly #names = new Map<string, string>()

  /** Lets a name stand for an id that is there already. */
  bind(name: string, id: string): void {
    this.#ids.set(name, id)
    this.#names.set(id, name)
  }

  idOf(name: string): string {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const [letter, number] = [name.charCodeAt(0), Number(name.slice(1))]
    const hex = this.#prefix + byte(letter) + byte(number)
    const id = [8, 12, 16, 20, 32].map((end, i, ends) => hex.slice(ends[i - 1] ?? 0, end)).join('-')
    this.bind(name, id)
    return id
  }

  nameOf(id: string): string | undefined {
    return this.#names.get(id)
  }
}

const byte = (value: number): string => value.toString(16).padStart(2, '0')
