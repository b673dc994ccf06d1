import { setTimeout as pause } from 'node:timers/promises'
import { withLogContext, type Logger, type LogFields } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'
import {
  claimMails,
  SUSPECT_AFTER_ATTEMPTS,
  type ClaimedMail,
  type ClaimMailsOptions,
} from '../sql/claim-mails.ts'
import { deferMail } from '../sql/defer-mail.ts'
import { giveUpMail } from '../sql/give-up-mail.ts'
import { recordMailsSent } from '../sql/record-mails-sent.ts'
import {
  attemptMail,
  findPeople,
  type AttemptOptions,
  type AttemptOutcome,
  type People,
} from './attempt-mail.ts'
import { gather } from './gather.ts'
import { isPaymentMail } from './mail.ts'
import type { MailCounters } from './mail-metrics.ts'
import { Outage } from './outage.ts'
import { Turns } from './turns.ts'

/** What became of one attempt, our own faults included. */
export type DeliveryOutcome =
  | AttemptOutcome
  | { readonly outcome: 'faulty'; readonly reason: string }

/** Options of {@link MailSender}. */
export interface MailSenderOptions extends AttemptOptions {
  readonly db: Kysely<NotificationDatabase>
  readonly logger: Logger
  readonly counters: MailCounters
  readonly concurrency: number
  readonly pollMs: number
  readonly attemptTimeoutMs: number
  /** At least three times `attemptTimeoutMs`: waiting, the attempt, and recording it. */
  readonly leaseMs: number
  readonly attemptsMax: number
  readonly retryFirstMs: number
}

/** A mail server that was busy at noon is asked again before the reader has gone home. */
const RETRY_MAX_MS = 15 * 60_000

/** How often an outcome is written again that the database did not take. */
const RECORD_RETRY_MS = 200

/**
 * Mails in hand for each that is on its way, at most: the others are addressed and wait for their
 * turn. So many are taken with one statement, and their addresses asked for with one request.
 */
const IN_HAND_FOR_EACH_TURN = 4

/**
 * So long a mail about a payment waits for its turn, and then goes back: a switch that its reader
 * turns off meanwhile does not reach it, and for as long as many wait nothing urgent is taken.
 */
const IN_LINE_MAX_MS = 10_000

/** Mails that were sent meanwhile are recorded with one statement. */
const RECORD_LINGER_MS = 20
const RECORDED_AT_ONCE = 50

/** A mail in this process's hand. */
interface MailInHand extends ClaimedMail {
  /** By the monotonic clock, from before it was asked for: the lease is not over before ours is. */
  readonly claimedAt: number
  /** Whether it is tried to see if the outage is over. */
  readonly isTrial: boolean
}

const NOTHING = { mails: [], isSuspectDue: false }

/** It had no turn: the outage began, it waited for too long, or too little of its lease was left. */
interface Postponed {
  readonly outcome: 'postponed'
  readonly reason: string
}

/**
 * Sends the mails that are written down, each once as far as SMTP allows: a process that dies
 * between the server's 250 and the record of it has sent a mail that the next one sends again, under
 * the same Message-ID. At least once, because a second copy is read over and a missing one is not
 * noticed.
 */
export class MailSender {
  readonly #options: MailSenderOptions
  readonly #outage = new Outage()
  readonly #inHand = new Set<Promise<void>>()
  readonly #turns: Turns
  readonly #recordSent: (id: string) => Promise<void>
  readonly #stopping = new AbortController()
  readonly #cut = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(options: MailSenderOptions) {
    this.#options = options
    this.#turns = new Turns(options.concurrency)
    this.#recordSent = gather<string, void>({
      max: RECORDED_AT_ONCE,
      lingerMs: RECORD_LINGER_MS,
      run: async (ids) => {
        await recordMailsSent(options.db, ids)
        return []
      },
    })
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** Whether the last attempt got through; true before the first. */
  get isReachable(): boolean {
    return !this.#outage.isOn
  }

  /** Claims nothing more, and finishes what is in hand; cuts it off after the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    const late = setTimeout(() => this.#cut.abort(new Error('stopping')), deadlineMs)
    await this.#loop
    await Promise.all(this.#inHand)
    clearTimeout(late)
    this.#options.smtp.close()
  }

  async #run(): Promise<void> {
    const { concurrency, pollMs } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#outage.pass(signal)
      const isTrial = this.#outage.isOn
      const limit = isTrial ? 1 : concurrency * IN_HAND_FOR_EACH_TURN
      const room = signal.aborted ? 0 : Math.max(0, limit - this.#inHand.size)
      const { mails, isSuspectDue } =
        room > 0 ? await this.#claim({ limit: room }, isTrial) : NOTHING
      for (const mail of mails) this.#take(mail)
      // Few at a time would be a statement for each.
      await this.#untilInHand(limit / 2)
      if (isSuspectDue) await this.#trySuspect()
      else if (mails.length < room) {
        await pause(pollMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  /** Tries a mail that may be what ends processes while nothing else is in hand. */
  async #trySuspect(): Promise<void> {
    const { signal } = this.#stopping
    await this.#untilInHand(0)
    await this.#outage.pass(signal)
    if (signal.aborted) return
    const { mails } = await this.#claim({ limit: 1, suspectAlone: true }, this.#outage.isOn)
    for (const mail of mails) this.#take(mail)
    await this.#untilInHand(0)
  }

  async #untilInHand(most: number): Promise<void> {
    while (this.#inHand.size > most) await Promise.race(this.#inHand)
  }

  async #claim(options: Omit<ClaimMailsOptions, 'leaseMs'>, isTrial: boolean) {
    const { db, leaseMs, logger } = this.#options
    const claimedAt = performance.now()
    try {
      const { mails, isSuspectDue } = await claimMails(db, { ...options, leaseMs })
      return { mails: mails.map((mail) => ({ ...mail, claimedAt, isTrial })), isSuspectDue }
    } catch (error) {
      logger.warn({ err: error }, 'mails that are due could not be looked for')
      return NOTHING
    }
  }

  #take(mail: MailInHand): void {
    const { logger } = this.#options
    const delivered = withLogContext(logFieldsOf(mail), async () => {
      try {
        await this.#deliver(mail)
      } catch (error) {
        // The row keeps its lease; whoever finds it ended tries again.
        logger.error({ err: error, kind: mail.about.kind }, 'what became of a mail is not recorded')
      }
    })
    const settled = delivered.finally(() => this.#inHand.delete(settled))
    this.#inHand.add(settled)
  }

  async #deliver(mail: MailInHand): Promise<void> {
    const { attemptsMax, probe } = this.#options
    await probe('mail.claimed', mail.eventId)
    if (mail.isTooLate) return await this.#giveUp(mail, 'it would have come too late', false)
    // One more than what is counted otherwise: the last one alone, as a suspect.
    if (mail.attempts > Math.max(attemptsMax, SUSPECT_AFTER_ATTEMPTS) + 1) {
      return await this.#giveUp(mail, 'every attempt ended with its process', false)
    }
    const result = await this.#attempt(mail)
    if (result.outcome === 'postponed') {
      return await this.#untilRecorded(mail, () => this.#postpone(mail, result.reason))
    }
    this.#notice(result)
    await this.#untilRecorded(mail, (isFirst) => this.#record(mail, result, isFirst))
  }

  async #attempt(mail: MailInHand): Promise<DeliveryOutcome | Postponed> {
    const { contacts, counters } = this.#options
    const beganAt = performance.now()
    const people = await findPeople(contacts, mail)
    if ('outcome' in people) {
      counters.attempt(people.outcome, (performance.now() - beganAt) / 1_000)
      return people
    }
    const isUrgent = !isPaymentMail(mail.about.kind)
    const wait = isUrgent ? { isUrgent } : { leaveAfterMs: IN_LINE_MAX_MS }
    const result = await this.#turns.take(() => this.#inTurn(mail, people), wait)
    return result ?? postponed('its turn did not come')
  }

  async #inTurn(mail: MailInHand, people: People): Promise<DeliveryOutcome | Postponed> {
    const { attemptTimeoutMs, counters, leaseMs, logger } = this.#options
    const startedAt = performance.now()
    if (this.#outage.isOn && !mail.isTrial) return postponed('mails do not get through')
    if (this.#cut.signal.aborted) return postponed('the process was stopped')
    // Whoever takes over when the lease ends sends another copy unless it is recorded by then: as
    // long as the attempt may take stays for that, so that a database may be away meanwhile.
    if (startedAt - mail.claimedAt > leaseMs - 2 * attemptTimeoutMs) {
      return postponed('no time was left')
    }
    const deadline = AbortSignal.timeout(attemptTimeoutMs)
    const signal = AbortSignal.any([deadline, this.#cut.signal])
    const result = await attemptMail(this.#options, mail, people, signal).catch(
      (error: unknown): DeliveryOutcome => {
        logger.error({ err: error, kind: mail.about.kind }, 'a mail was not written')
        return { outcome: 'faulty', reason: 'the mail could not be written' }
      },
    )
    counters.attempt(result.outcome, (performance.now() - startedAt) / 1_000)
    return result
  }

  /** Nothing was tried, and nothing is counted. */
  async #postpone({ id, leaseToken }: MailInHand, reason: string): Promise<void> {
    const { db, retryFirstMs } = this.#options
    const waits = { retryFirstMs, retryMaxMs: RETRY_MAX_MS }
    await deferMail(db, { id, leaseToken, reason, maybeTaken: false, counted: false, ...waits })
  }

  #notice({ outcome, ...rest }: DeliveryOutcome): void {
    if (outcome === 'faulty' || outcome === 'impossible') return
    const { counters, logger } = this.#options
    const wasOn = this.#outage.isOn
    if (outcome === 'unreachable') this.#outage.noticed()
    else this.#outage.over()
    counters.reachable(!this.#outage.isOn)
    if (wasOn === this.#outage.isOn) return
    if (wasOn) logger.info('mails get through again')
    else logger.warn(rest, 'mails do not get through; they wait')
  }

  async #record(mail: MailInHand, result: DeliveryOutcome, isFirst: boolean): Promise<void> {
    const { attemptsMax, counters, db, logger, probe } = this.#options
    const { kind } = mail.about
    if (result.outcome === 'taken') {
      await probe('mail.taken', mail.eventId)
      // What failed together is tried one by one: a row that is locked holds up no other.
      await (isFirst ? this.#recordSent(mail.id) : recordMailsSent(db, [mail.id]))
      await probe('mail.recorded', mail.eventId)
      counters.settled(kind, 'sent')
      logger.info({ kind, attempts: mail.attempts }, 'a mail was sent')
      return
    }
    const { outcome, reason } = result
    const maybeTaken = outcome === 'unanswered'
    const counted = outcome !== 'unreachable'
    const isHopeless = outcome === 'impossible' || (outcome === 'refused' && result.forGood)
    if (isHopeless || (counted && mail.attempts >= attemptsMax)) {
      return await this.#giveUp(mail, reason, maybeTaken)
    }
    const { id, leaseToken } = mail
    const { retryFirstMs } = this.#options
    const waits = { retryFirstMs, retryMaxMs: RETRY_MAX_MS }
    await deferMail(db, { id, leaseToken, reason, maybeTaken, counted, ...waits })
    // An outage is told of once, when it begins.
    if (counted) logger.info({ kind, attempts: mail.attempts, reason }, 'a mail has to wait')
  }

  async #giveUp(mail: MailInHand, reason: string, maybeTaken: boolean): Promise<void> {
    const { counters, db, logger } = this.#options
    const { id, leaseToken } = mail
    const { kind } = mail.about
    const state = await giveUpMail(db, { id, leaseToken, reason, maybeTaken })
    if (state === undefined) return
    counters.settled(kind, state)
    logger.error({ kind, state, reason, attempts: mail.attempts }, 'a mail was given up')
  }

  /**
   * Tries until it is written or the lease has ended. Were it given up at the first failure, a
   * database that is away for a second would be as good a reason for a second copy as a crash.
   */
  async #untilRecorded(
    { claimedAt }: MailInHand,
    record: (isFirst: boolean) => Promise<void>,
  ): Promise<void> {
    const { leaseMs, logger } = this.#options
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await record(isFirst)
      } catch (error) {
        if (performance.now() - claimedAt > leaseMs) throw error
        logger.warn({ err: error }, 'what became of a mail could not be recorded yet')
        await pause(RECORD_RETRY_MS)
      }
    }
  }
}

const postponed = (reason: string): Postponed => ({ outcome: 'postponed', reason })

function logFieldsOf({ about, userId, eventId }: ClaimedMail): LogFields {
  const paymentId = 'paymentId' in about ? { paymentId: about.paymentId } : {}
  return { userId, messageId: eventId, ...paymentId }
}
