import { Landmark, Plus, SendHorizontal } from 'lucide-react'
import { Link } from 'react-router'
import { useBalance } from '../hooks/queries.ts'
import { formatMinor } from '../money.ts'
import { buttonShape } from './button.tsx'
import { LoadError } from './feedback.tsx'
import { BigMoney } from './money.tsx'

export function BalanceCard() {
  const balance = useBalance()
  if (balance.data === undefined) {
    return balance.isError ? (
      <section className='card'>
        <LoadError error={balance.error} onRetry={() => void balance.refetch()} />
      </section>
    ) : (
      <section role='status' aria-label='Loading balance' className='hero h-60 rounded-3xl'>
        <div className='breathe space-y-4 p-6'>
          <div className='h-4 w-20 rounded bg-white/20' />
          <div className='h-12 w-52 rounded-lg bg-white/20' />
        </div>
      </section>
    )
  }
  const { currency, available, pending } = balance.data
  return (
    <section
      aria-label='Balance'
      className='hero rise relative overflow-hidden rounded-3xl p-6 text-white shadow-card sm:p-7'
    >
      <Flow />
      <p className='text-sm text-white/90'>Balance</p>
      <p className='mt-1 text-5xl font-semibold tracking-tight' data-testid='balance'>
        <BigMoney minor={balance.data.balance} currency={currency} />
      </p>
      <dl className='mt-6 flex gap-8 text-sm'>
        <div>
          <dt className='text-white/90'>Available</dt>
          <dd className='text-base font-semibold tabular-nums' data-testid='available'>
            {formatMinor(available, currency)}
          </dd>
        </div>
        <div>
          <dt className='text-white/90'>Pending</dt>
          <dd className='text-base font-semibold tabular-nums' data-testid='pending'>
            {formatMinor(pending, currency)}
          </dd>
        </div>
      </dl>
      <div className='mt-6 grid grid-cols-2 gap-2'>
        <Link to='/send' className={`on-hero col-span-2 ${buttonShape}`}>
          <SendHorizontal aria-hidden='true' className='size-4' />
          Send money
        </Link>
        <Link to='/top-up' className={`beside-hero ${buttonShape}`}>
          <Plus aria-hidden='true' className='size-4' />
          Top up
        </Link>
        <Link to='/withdraw' className={`beside-hero ${buttonShape}`}>
          <Landmark aria-hidden='true' className='size-4' />
          Withdraw
        </Link>
      </div>
    </section>
  )
}

/** Three lines that flow through the card. */
function Flow() {
  return (
    <svg
      aria-hidden='true'
      viewBox='0 0 400 240'
      preserveAspectRatio='xMaxYMid slice'
      className='pointer-events-none absolute inset-0 size-full stroke-white/15'
      fill='none'
      strokeWidth='1.5'
    >
      <path d='M180 260C240 150 300 190 420 60' />
      <path d='M210 270C270 170 320 215 430 95' />
      <path d='M240 280C300 190 340 240 440 130' />
    </svg>
  )
}
