import { Link } from 'react-router'
import type { TransactionView } from '@payflow-app/contracts'
import { usePersonName } from '../hooks/use-person.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { shortTime } from '../time.ts'
import { direction, kindWord } from '../words.ts'
import { Avatar } from './avatar.tsx'
import { Amount } from './money.tsx'
import { StatusBadge } from './status-badge.tsx'

export function PaymentList(props: { readonly payments: readonly TransactionView[] }) {
  return (
    <ul className='divide-y divide-line'>
      {props.payments.map((payment) => (
        <li key={payment.id}>
          <PaymentRow payment={payment} />
        </li>
      ))}
    </ul>
  )
}

function PaymentRow({ payment }: { readonly payment: TransactionView }) {
  const { user } = useWallet()
  const way = direction(payment, user.id)
  const otherId = way === 'in' ? payment.fromUserId : payment.toUserId
  const name = usePersonName(otherId)
  return (
    <Link
      to={`/payments/${payment.id}`}
      className='flex items-center gap-3 px-4 py-3.5 transition-colors hover:bg-sunken/60 sm:px-5'
    >
      <Avatar id={otherId} name={name} />
      <span className='min-w-0 flex-1'>
        <span className='block truncate font-medium'>
          <span className='sr-only'>{way === 'in' ? 'From ' : 'To '}</span>
          {name}
        </span>
        <span className='block truncate text-sm text-soft'>
          <time dateTime={payment.createdAt}>{shortTime(payment.createdAt, new Date())}</time>
          {payment.kind !== 'payment' && ` · ${kindWord[payment.kind]}`}
          {payment.note !== undefined && ` · ${payment.note}`}
        </span>
      </span>
      <span className='flex flex-col items-end gap-1'>
        <Amount
          minor={payment.amount}
          currency={payment.currency}
          direction={way}
          void={payment.status === 'FAILED'}
        />
        {payment.status !== 'COMPLETED' && <StatusBadge status={payment.status} />}
      </span>
    </Link>
  )
}
