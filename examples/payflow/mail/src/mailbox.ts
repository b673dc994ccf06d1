import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'

/** What a list says of a mail. */
export interface MailSummary {
  readonly id: string
  /** Everybody the server was told to give it to, whatever its headers say. */
  readonly to: readonly string[]
  readonly from: string
  readonly subject: string
  /** In its angle brackets; empty when it has none. */
  readonly messageId: string
  /** ISO 8601, in UTC. */
  readonly receivedAt: string
}

/** A mail as it came. */
export interface ReceivedMail {
  readonly to: readonly string[]
  readonly raw: Buffer
}

/** Options of {@link Mailbox.open}. */
export interface MailboxOptions {
  readonly dir: string
  /** The oldest are forgotten when there are more. */
  readonly mailsMax: number
}

/** `<milliseconds>-<number>-<uuid>.eml`: the order of names is the order in which they came. */
const FILE = /^(\d{15})-(\d{9})-([0-9a-f-]{36})\.eml$/

/** What a file is called besides its name until it is whole. */
const PART = '.part'

/** What is below it is the mail's own, whatever it looks like. */
const END_OF_OURS = 'X-PayFlow-Sink: what is above is not part of the mail\r\n'

/** Where a summary is read; a mail may be larger than anybody wants to hold in memory. */
const HEADER_BYTES_MAX = 64 * 1024

/** A mail of the folder. */
interface Kept {
  readonly file: string
  /** Lower-case. */
  readonly to: readonly string[]
  readonly receivedAt: Date
  /** Until somebody asks for the summary: most mails are forgotten unread. */
  head: Buffer | undefined
  summary: Promise<MailSummary> | undefined
}

/**
 * The mails of a folder, one file each, with what a list shows of them in memory. A mail is on disk
 * before {@link Mailbox.add} resolves, so that what the sender was told stays true.
 */
export class Mailbox {
  readonly #options: MailboxOptions
  readonly #files = new Map<string, Kept>()
  #added = 0

  private constructor(options: MailboxOptions) {
    this.#options = options
  }

  /**
   * Reads what is there from earlier, and removes what was being written when an earlier process
   * died: its sender was told nothing and sends it again. A file that is not ours is left alone.
   */
  static async open(options: MailboxOptions): Promise<Mailbox> {
    const mailbox = new Mailbox(options)
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    const found = await readdir(options.dir)
    const parts = found.filter(
      (file) => file.endsWith(PART) && FILE.test(file.slice(0, -PART.length)),
    )
    for (const part of parts) await rm(join(options.dir, part), { force: true })
    const files = found.filter((file) => FILE.test(file)).toSorted()
    for (const file of files) mailbox.#remember(file, await readFile(join(options.dir, file)))
    await mailbox.#forgetOldest()
    return mailbox
  }

  get size(): number {
    return this.#files.size
  }

  /** Keeps a mail; resolves with its id when it is on disk. */
  async add({ to, raw }: ReceivedMail): Promise<string> {
    this.#added += 1
    const stamp = String(Date.now()).padStart(15, '0')
    const id = randomUUID()
    const file = `${stamp}-${String(this.#added).padStart(9, '0')}-${id}.eml`
    // As a mail server does it: who it was for is not in the mail itself.
    const lines = to.map((address) => `Delivered-To: ${address}\r\n`).join('')
    const bytes = Buffer.concat([Buffer.from(lines + END_OF_OURS), raw])
    await this.#write(file, bytes)
    this.#remember(file, bytes)
    await this.#forgetOldest()
    return id
  }

  /** The newest first; those to one address only, when one is given. */
  async list({
    to,
    limit,
  }: {
    readonly to?: string | undefined
    readonly limit: number
  }): Promise<MailSummary[]> {
    const address = to?.toLowerCase()
    const shown = [...this.#files]
      .toReversed()
      .filter(([, one]) => address === undefined || one.to.includes(address))
      .slice(0, limit)
    return await Promise.all(shown.map(([id, kept]) => summaryOf(id, kept)))
  }

  async summary(id: string): Promise<MailSummary | undefined> {
    const kept = this.#files.get(id)
    return kept && (await summaryOf(id, kept))
  }

  /**
   * The mail as it came, byte for byte, below what the sink wrote above it. `undefined` also when it
   * is forgotten while it is looked for.
   */
  async raw(id: string): Promise<Buffer | undefined> {
    const known = this.#files.get(id)
    if (known === undefined) return undefined
    return await readFile(join(this.#options.dir, known.file)).catch(unlessGone)
  }

  async #write(file: string, bytes: Buffer): Promise<void> {
    const { dir } = this.#options
    const part = join(dir, file + PART)
    const handle = await open(part, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(part, join(dir, file))
  }

  #remember(file: string, bytes: Buffer): void {
    const [, stamp = '', , id = ''] = FILE.exec(file) ?? []
    const end = bytes.indexOf('\r\n\r\n')
    const length = Math.min(end === -1 ? bytes.length : end + 4, HEADER_BYTES_MAX)
    // Copied, or the whole mail would stay in memory with its head.
    const head = Buffer.from(bytes.subarray(0, length))
    const ours = head.subarray(0, Math.max(0, head.indexOf(END_OF_OURS))).toString()
    const to = [...ours.matchAll(/^Delivered-To: (\S+)\r$/gm)].map(([, address = '']) =>
      address.toLowerCase(),
    )
    const receivedAt = new Date(Number(stamp))
    this.#files.set(id, { file, to, receivedAt, head, summary: undefined })
  }

  async #forgetOldest(): Promise<void> {
    for (const [id, { file }] of this.#files) {
      if (this.#files.size <= this.#options.mailsMax) return
      this.#files.delete(id)
      await unlink(join(this.#options.dir, file)).catch(unlessGone)
    }
  }
}

function summaryOf(id: string, kept: Kept): Promise<MailSummary> {
  kept.summary ??= summarize(id, kept)
  kept.head = undefined
  return kept.summary
}

async function summarize(id: string, { to, receivedAt, head }: Kept): Promise<MailSummary> {
  const parsed = await simpleParser(head ?? '')
  return {
    id,
    to,
    from: parsed.from?.text ?? '',
    subject: parsed.subject ?? '',
    messageId: parsed.messageId ?? '',
    receivedAt: receivedAt.toISOString(),
  }
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  return undefined
}
