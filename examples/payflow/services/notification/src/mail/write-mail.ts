import { escapeHtml } from '@payflow-app/service-kit'
import { sentenceOf } from '../sentences.ts'
import { harmlessName, isolated } from './harmless.ts'
import { isBetweenUsers, isPaymentMail, type MailAbout, type MailKind } from './mail.ts'

/** What is to be written. */
export interface MailDraft {
  readonly about: MailAbout
  /** The reader's name, as they gave it. */
  readonly name: string
  /** The name of a payment's other party; absent when nobody has it any more. */
  readonly counterpartyName?: string | undefined
  /** The token of a link. */
  readonly secret: string | null
  /** Where the web page is, without a slash at its end. */
  readonly publicUrl: string
}

/** A written mail. */
export interface WrittenMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/**
 * One for each kind and nothing else: no amount, no name, no note. Subjects are shown on locked
 * screens and written into the logs of every server on the way.
 */
const subjects: Readonly<Record<MailKind, string>> = {
  payment_sent: 'Your payment has arrived',
  payment_received: 'You have received money',
  payment_failed: 'Your payment has failed',
  top_up_completed: 'Your wallet was topped up',
  top_up_failed: 'Your top-up has failed',
  withdrawal_completed: 'Your withdrawal has arrived',
  withdrawal_failed: 'Your withdrawal has failed',
  refund_sent: 'Your refund has arrived',
  refund_received: 'You have been refunded',
  refund_failed: 'Your refund has failed',
  password_reset: 'Choose a new password',
  password_changed: 'Your password was changed',
  account_locked: 'Your account is locked for a while',
}

interface Letter {
  readonly paragraphs: readonly string[]
  readonly facts?: readonly (readonly [label: string, value: Value])[]
  readonly link?: { readonly label: string; readonly href: string }
  readonly closing: string
}

/** Ours to write, or a stranger's name. */
type Value = string | { readonly name: string }

/** Writes a mail, as text and as HTML that says the same. All that strangers wrote is made harmless. */
export function writeMail(draft: MailDraft): WrittenMail {
  const letter = letterOf(draft)
  const name = harmlessName(draft.name)
  return {
    subject: subjects[draft.about.kind],
    text: asText(letter, name),
    html: asHtml(letter, name),
  }
}

function letterOf(draft: MailDraft): Letter {
  const { about } = draft
  switch (about.kind) {
    case 'password_reset':
      return resetLetter(draft, about.expiresAt)
    case 'password_changed':
      return {
        paragraphs: [
          about.by === 'reset'
            ? 'Your password was changed with the link of an e-mail like this one.'
            : 'Your password was changed by somebody who knew the old one.',
          'If that was you, all is well. If not, choose another one at once: everybody is logged ' +
            'out by that, whoever did this included.',
        ],
        facts: [['When', moment(about.occurredAt)]],
        link: { label: 'Choose another password', href: `${draft.publicUrl}/forgot-password` },
        closing: 'E-mails about the safety of your account cannot be switched off.',
      }
    case 'account_locked':
      return {
        paragraphs: [
          'Somebody tried wrong passwords for your account, too often. To be safe, nobody can log ' +
            'in for a while, also not with the right one. Your money is where it was.',
        ],
        facts: [
          ['When', moment(about.occurredAt)],
          ['Locked until', moment(about.lockedUntil)],
        ],
        link: { label: 'Choose a new password', href: `${draft.publicUrl}/forgot-password` },
        closing: 'E-mails about the safety of your account cannot be switched off.',
      }
    default:
      return paymentLetter(draft)
  }
}

function resetLetter({ publicUrl, secret }: MailDraft, expiresAt: string): Letter {
  if (secret === null) throw new TypeError('The mail with a link has lost its token')
  return {
    paragraphs: [
      'Somebody, you we hope, wants to choose a new password for your account. The link works ' +
        'once. If it was not you, do nothing: your password stays as it is.',
    ],
    facts: [['Works until', moment(expiresAt)]],
    link: {
      label: 'Choose a new password',
      // In the fragment, which browsers keep to themselves: no server on the way logs it.
      href: `${publicUrl}/reset-password#token=${encodeURIComponent(secret)}`,
    },
    closing: 'Nobody of PayFlow will ever ask you for this link or for your password.',
  }
}

function paymentLetter({ about, counterpartyName, publicUrl }: MailDraft): Letter {
  if (!isPaymentMail(about.kind) || !('paymentId' in about)) {
    throw new TypeError(`A mail of the kind ${about.kind} is not about a payment`)
  }
  const name = counterpartyName === undefined ? '' : harmlessName(counterpartyName)
  const counterparty: Value = name === '' ? 'somebody who is no longer here' : { name }
  const label = about.kind.endsWith('_received') ? 'From' : 'To'
  return {
    paragraphs: [sentenceOf(about)],
    facts: [
      ...(isBetweenUsers(about.kind) ? [[label, counterparty] as const] : []),
      ['When', moment(about.occurredAt)],
      ['Payment', about.paymentId],
    ],
    link: { label: 'Look at the payment', href: `${publicUrl}/payments/${about.paymentId}` },
    closing: `You can switch e-mails about payments off here: ${publicUrl}/notifications`,
  }
}

const momentFormat = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
})

/** `23 November 2026 at 07:12 UTC`. */
function moment(instant: string): string {
  return `${momentFormat.format(new Date(instant))} UTC`
}

function asText({ paragraphs, facts = [], link, closing }: Letter, name: string): string {
  const lines = facts.map(
    ([label, value]) => `${label}: ${typeof value === 'string' ? value : isolated(value.name)}`,
  )
  const parts = [
    name === '' ? 'Hello,' : `Hello ${isolated(name)},`,
    ...paragraphs,
    lines.join('\n'),
    link ? `${link.label}:\n${link.href}` : '',
    `-- \n${closing}`,
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

const page = 'margin:0;padding:24px;background:#f4f4f5;color:#18181b;'
const font = 'font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif'
const card =
  'max-width:520px;margin:0 auto;padding:24px;background:#ffffff;border-radius:12px;' +
  'overflow-wrap:anywhere'
const button =
  'display:inline-block;padding:10px 16px;border-radius:8px;background:#4338ca;color:#ffffff;' +
  'text-decoration:none'
/** On a phone the value goes on in the next line, and never its label. */
const fact = 'padding:2px 16px 2px 0;color:#52525b;white-space:nowrap'

function asHtml({ paragraphs, facts = [], link, closing }: Letter, name: string): string {
  const inline = (value: Value) =>
    typeof value === 'string' ? escapeHtml(value) : `<bdi>${escapeHtml(value.name)}</bdi>`
  const rows = facts.map(
    ([label, value]) =>
      `<tr><td style="${fact}">${escapeHtml(label)}</td>` +
      `<td style="padding:2px 0">${inline(value)}</td></tr>`,
  )
  const hello = name === '' ? 'Hello,' : `Hello ${inline({ name })},`
  const body = [
    `<p>${hello}</p>`,
    ...paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`),
    rows.length > 0 ? `<table role="presentation">${rows.join('')}</table>` : '',
    link
      ? `<p><a href="${escapeHtml(link.href)}" style="${button}">${escapeHtml(link.label)}</a></p>`
      : '',
    link ? `<p style="color:#52525b;font-size:13px">${escapeHtml(link.href)}</p>` : '',
    `<p style="color:#52525b;font-size:13px">${escapeHtml(closing)}</p>`,
  ]
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>PayFlow</title></head>' +
    `<body style="${escapeHtml(page + font)}"><div style="${card}">` +
    `${body.join('')}</div></body></html>`
  )
}
