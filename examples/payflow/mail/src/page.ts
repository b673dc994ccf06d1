import { escapeHtml } from '@payflow-app/service-kit'
import type { MailSummary } from './mailbox.ts'

/** What the page of one mail shows beside its summary. */
export interface ShownMail {
  readonly summary: MailSummary
  readonly text: string
  readonly hasHtml: boolean
}

/**
 * The list of mails as it is now. It does not load itself again: that would take whoever reads it by
 * ear, or by keyboard, back to its top every few seconds.
 */
export function listPage(mails: readonly MailSummary[], to: string | undefined): string {
  const rows = mails.map(
    ({ id, to: recipients, subject, receivedAt }) =>
      `<li><a href="/mails/${id}"><strong><bdi>${escapeHtml(subject || '(no subject)')}</bdi>` +
      `</strong><span><bdi>${escapeHtml(recipients.join(', '))}</bdi></span>` +
      `${time(receivedAt)}</a></li>`,
  )
  const whose = to === undefined ? '' : ` to <bdi>${escapeHtml(to)}</bdi> (<a href="/">all</a>)`
  const empty = '<p>No mail yet. Send money, or ask for a new password.</p>'
  return page(
    'Mails',
    `<h1>Mails${whose}</h1>` +
      '<p>Every mail that this PayFlow has sent ends here. None leaves the machine.</p>' +
      '<p><a href="">Look for new mails</a></p>' +
      (rows.length === 0 ? empty : `<ol class="mails">${rows.join('')}</ol>`),
  )
}

/** One mail: HTML in a frame that may do nothing, and the text. */
export function mailPage({ summary, text, hasHtml }: ShownMail): string {
  const { id, from, to, subject, messageId, receivedAt } = summary
  const facts: readonly (readonly [string, string])[] = [
    ['From', `<bdi>${escapeHtml(from)}</bdi>`],
    ['To', `<bdi>${escapeHtml(to.join(', '))}</bdi>`],
    ['Came', time(receivedAt)],
    ['Message-ID', `<code>${escapeHtml(messageId)}</code>`],
  ]
  const rows = facts.map(([label, value]) => `<dt>${label}</dt><dd>${value}</dd>`).join('')
  const frame =
    `<h2>HTML</h2><iframe title="The mail as HTML" src="/mails/${id}/html" ` +
    'sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer"></iframe>'
  return page(
    subject,
    `<p><a href="/">All mails</a></p><h1><bdi>${escapeHtml(subject || '(no subject)')}</bdi></h1>` +
      `<dl>${rows}</dl>${hasHtml ? frame : ''}` +
      `<h2>Text</h2><pre>${withLinks(text)}</pre>` +
      `<p><a href="/mails/${id}/raw">The mail as it came</a></p>`,
  )
}

/** Makes links of what the text has alone on a line, as mail programs do. */
function withLinks(text: string): string {
  return escapeHtml(text).replaceAll(
    /^https?:\/\/\S+$/gm,
    (link) => `<a href="${link}" target="_blank" rel="noreferrer noopener">${link}</a>`,
  )
}

function time(instant: string): string {
  return `<time datetime="${instant}">${instant.slice(0, 19).replace('T', ' ')} UTC</time>`
}

function page(title: string, body: string): string {
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>${escapeHtml(title)} · PayFlow mails</title>` +
    `<link rel="stylesheet" href="/style.css"></head><body><main>${body}</main></body></html>`
  )
}

/** Light and dark, narrow and wide. */
export const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent) }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #121212); color: light-dark(#111, #eee) }
main { max-width: 720px; margin: 0 auto; padding: 24px 16px }
h1 { font-size: 1.5rem; overflow-wrap: anywhere }
h2 { font-size: 1rem; margin: 24px 0 8px }
a { color: light-dark(#3730a3, #a5b4fc) }
.mails { list-style: none; margin: 0; padding: 0 }
.mails a { display: grid; padding: 12px 0; border-top: 1px solid var(--line);
  text-decoration: none; color: inherit; overflow-wrap: anywhere }
.mails a:hover strong, .mails a:focus-visible strong { text-decoration: underline }
dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin: 0 }
dt { opacity: .75 }
dd { margin: 0; overflow-wrap: anywhere }
time { font-variant-numeric: tabular-nums }
iframe { box-sizing: border-box; width: 100%; height: 540px; border: 1px solid var(--line); border-radius: 8px;
  background: #fff; color-scheme: light }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 16px; margin: 0;
  border: 1px solid var(--line); border-radius: 8px }
`
