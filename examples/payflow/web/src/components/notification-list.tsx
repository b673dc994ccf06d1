import { ArrowDownLeft, ArrowUpRight, Landmark, Plus, Undo2, X } from 'lucide-react'
import { Link } from 'react-router'
import type { NotificationKind, NotificationView } from '@payflow-app/contracts'
import { usePersonName } from '../hooks/use-person.ts'
import { formatMinor } from '../money.ts'
import { shortTime } from '../time.ts'
import { failureReason } from '../words.ts'

const marks = {
  payment_received: { icon: ArrowDownLeft, look: 'bg-good-tint text-good' },
  payment_sent: { icon: ArrowUpRight, look: 'bg-sunken text-soft' },
  payment_failed: { icon: X, look: 'bg-bad-tint text-bad' },
  top_up_completed: { icon: Plus, look: 'bg-good-tint text-good' },
  top_up_failed: { icon: X, look: 'bg-bad-tint text-bad' },
  withdrawal_completed: { icon: Landmark, look: 'bg-sunken text-soft' },
  withdrawal_failed: { icon: X, look: 'bg-bad-tint text-bad' },
  refund_received: { icon: Undo2, look: 'bg-good-tint text-good' },
  refund_sent: { icon: Undo2, look: 'bg-sunken text-soft' },
  refund_failed: { icon: X, look: 'bg-bad-tint text-bad' },
} as const satisfies Record<NotificationKind, unknown>

interface ListProps {
  readonly notifications: readonly NotificationView[]
  readonly onRead: (id: string) => void
}

export function NotificationList({ notifications, onRead }: ListProps) {
  return (
    <ul className='divide-y divide-line'>
      {notifications.map((notification) => (
        <li key={notification.id}>
          <NotificationRow notification={notification} onRead={onRead} />
        </li>
      ))}
    </ul>
  )
}

function NotificationRow(props: {
  readonly notification: NotificationView
  readonly onRead: (id: string) => void
}) {
  const { notification, onRead } = props
  const text = notificationText(notification, usePersonName(notification.counterpartyId))
  const unread = notification.readAt === null
  const { icon: Icon, look } = marks[notification.kind]
  return (
    <div className='flex items-start gap-3 px-4 py-3.5 sm:px-5'>
      <span className={`grid size-10 shrink-0 place-items-center rounded-full ${look}`}>
        <Icon aria-hidden='true' className='size-5' />
      </span>
      <div className='min-w-0 flex-1'>
        <p className={unread ? 'font-medium' : 'text-soft'}>
          {unread && <span className='sr-only'>Unread: </span>}
          <Link
            to={`/payments/${notification.paymentId}`}
            onClick={() => unread && onRead(notification.id)}
            className='hover:underline'
          >
            {text}
          </Link>
        </p>
        <p className='mt-0.5 flex items-center gap-3 text-sm text-soft'>
          <time dateTime={notification.createdAt}>
            {shortTime(notification.createdAt, new Date())}
          </time>
          {unread && (
            <button
              type='button'
              onClick={() => onRead(notification.id)}
              className='cursor-pointer font-medium text-accent hover:underline'
            >
              Mark as read
            </button>
          )}
        </p>
      </div>
      {unread && <span aria-hidden='true' className='mt-2 size-2.5 rounded-full bg-accent' />}
    </div>
  )
}

/** A notification as a sentence with the other party's name. */
export function notificationText(notification: NotificationView, name: string): string {
  const { kind, amount, currency, failureCode } = notification
  const money = formatMinor(amount, currency)
  switch (kind) {
    case 'payment_received':
      return `${name} sent you ${money}.`
    case 'payment_sent':
      return `You sent ${money} to ${name}.`
    case 'payment_failed':
      return `Your payment of ${money} to ${name} failed. ${failureReason(failureCode)}`
    case 'top_up_completed':
      return `You topped up your wallet with ${money}.`
    case 'top_up_failed':
      return `Your top-up of ${money} failed. ${failureReason(failureCode)}`
    case 'withdrawal_completed':
      return `You withdrew ${money} to your bank.`
    case 'withdrawal_failed':
      return `Your withdrawal of ${money} failed. ${failureReason(failureCode)}`
    case 'refund_received':
      return `${name} refunded you ${money}.`
    case 'refund_sent':
      return `You refunded ${money} to ${name}.`
    case 'refund_failed':
      return `Your refund of ${money} to ${name} failed. ${failureReason(failureCode)}`
  }
}
