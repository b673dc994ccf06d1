export function Logo() {
  return (
    <span className='inline-flex items-center gap-2.5'>
      <svg viewBox='0 0 32 32' aria-hidden='true' className='size-8'>
        <rect width='32' height='32' rx='9' className='fill-[#0c5c4a]' />
        <g
          fill='none'
          stroke='#c9f7dc'
          strokeWidth='3'
          strokeLinecap='round'
          strokeLinejoin='round'
        >
          <path d='M9 12h9.5a4.5 4.5 0 0 1 0 9H13' />
          <path d='M16 16.8 11.6 21l4.4 4.2' />
        </g>
      </svg>
      <span className='text-lg font-semibold tracking-tight'>PayFlow</span>
    </span>
  )
}
