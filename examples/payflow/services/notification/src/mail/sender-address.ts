import { z } from 'zod'

/** Who a mail comes from. */
export interface SenderAddress {
  readonly name: string
  readonly address: string
  /** Behind the @, where the Message-IDs are made. */
  readonly domain: string
}

const address = z.email()

/** Reads `Name <address>` or an address alone; undefined when it is neither. */
export function parseSender(text: string): SenderAddress | undefined {
  const [, name = '', inBrackets] = /^([^<>\p{Cc}]*?)\s*<([^<>]+)>$/u.exec(text) ?? []
  const parsed = address.safeParse(inBrackets ?? text)
  if (!parsed.success) return undefined
  return {
    name: name.trim().replaceAll(/^"|"$/g, ''),
    address: parsed.data,
    domain: parsed.data.slice(parsed.data.lastIndexOf('@') + 1),
  }
}
