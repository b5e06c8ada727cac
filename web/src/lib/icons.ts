// Icons as paths of one 24 × 24 stroke; an app ships those that it names.
export const dine = "M5 3v7a3 3 0 0 0 3 3v8M8 3v6M11 3v7a3 3 0 0 1-3 3M17 3c-2 2-3 5-3 8h3v10";
export const bag = "M6 8h12l-1 13H7L6 8zM9 8V6a3 3 0 0 1 6 0v2";
export const van =
	"M2 6.500h11v10H2zM13 10h4.500l3.500 3.500v3h-8M8.500 17.500a2 2 0 1 1-4 0 2 2 0 0 1 4 0zM19 17.500a2 2 0 1 1-4 0 2 2 0 0 1 4 0z";
export const guests =
	"M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500c2.200.8 3.500 2.700 3.500 5.500";
export const check = "M5 12.500l4.500 4.500L19 7.500";
export const flame = "M12 3c1 4 5 5.500 5 10a5 5 0 0 1-10 0c0-2 1-3.500 2-4.500 0 2 1 3 2 3 0-3-1-5 1-8.500z";
export const alert = "M12 4l9 16H3L12 4zM12 10v4M12 17v.5";
export const sound = "M4 9v6h4l5 4V5L8 9H4zM16.500 8.500a5 5 0 0 1 0 7M19 6a8.500 8.500 0 0 1 0 12";
export const mute = "M4 9v6h4l5 4V5L8 9H4zM17 9l5 6M22 9l-5 6";
export const undo = "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3";
export const clock = "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2";
export const wifi = "M3 9a14 14 0 0 1 18 0M6.500 12.500a9 9 0 0 1 11 0M10 16a4 4 0 0 1 4 0M12 19.500v.1";
export const off =
	"M3 3l18 18M6.500 12.500a9 9 0 0 1 5-2M10 16a4 4 0 0 1 4 0M12 19.500v.1M14 10.800c1.300.3 2.500.9 3.500 1.700M3 9c1.300-1 2.800-1.900 4.300-2.400M11 6c3.600-.2 7.200.8 10 3";
export const bell = "M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15L6 16zM10 21h4";
export const bill = "M6 3h12v18l-3-2-3 2-3-2-3 2V3zM9 8h6M9 12h6";
export const search = "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5";
export const plus = "M12 5v14M5 12h14";
export const minus = "M5 12h14";
export const x = "M6 6l12 12M18 6L6 18";
export const cart = "M3 4h2l2.500 11h10l2-8H6.500M9 20.500a1 1 0 1 0 0-2 1 1 0 0 0 0 2zM16 20.500a1 1 0 1 0 0-2 1 1 0 0 0 0 2z";
export const menu = "M4 6h16M4 12h16M4 18h10";
export const move = "M4 12h16M15 7l5 5-5 5";
export const merge = "M4 6c6 0 6 6 10 6h6M4 18c6 0 6-6 10-6M17 9l3 3-3 3";
export const split = "M12 3v5M12 8L6 14v7M12 8l6 6v7";
export const pause = "M8 5v14M16 5v14";
export const hand = "M12 3v9M8 6v7M16 6v8M8 13l-3-2v5c0 3 3 5 6 5h2c3 0 5-2 5-5v-5";
export const pin = "M12 21s7-6.500 7-12a7 7 0 0 0-14 0c0 5.500 7 12 7 12zM12 11.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z";
export const thermo = "M10 14V5a2 2 0 1 1 4 0v9a4 4 0 1 1-4 0zM12 9v8";
export const box = "M4 8l8-4 8 4v8l-8 4-8-4V8zM4 8l8 4 8-4M12 12v8";
export const server = "M4 4h16v6H4zM4 14h16v6H4zM8 7v.1M8 17v.1";
export const chart = "M4 20V4M4 20h16M8 16v-5M12 16V8M16 16v-3";
export const edit = "M4 20h4L19 9l-4-4L4 16v4zM13 7l4 4";
export const arrow = "M9 5l7 7-7 7";
export const back = "M15 5l-7 7 7 7";
export const star = "M12 4l2.500 5.200 5.500.8-4 4 1 5.600-5-2.700-5 2.700 1-5.600-4-4 5.500-.8L12 4z";
export const qr = "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14v.1M14 20v.1";
export const leaf = "M5 19C5 9 12 5 20 5c0 9-5 14-13 13M5 19c2-5 5-8 9-10";
export const history = "M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4.500l3 2";
export const user = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20.500c0-4 3.500-6 8-6s8 2 8 6";
export const out = "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h10";
export const print = "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z";
export const broom = "M14 4l6 6M11 9l4 4-5 8c-3 0-6-2-7-5l8-7z";
export const sun =
	"M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600L19 19M5 19l1.400-1.400M17.600 6.400L19 5";
export const moon = "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z";
export const money = "M3 6h18v12H3zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM6.500 9v.1M17.500 15v.1";
export const hook = "M12 3a3 3 0 0 1 2 5.200l-4 6.800a3 3 0 1 1-2.500-1.500M14 8l4 6.500a3 3 0 1 1-2.500 4.500H10";
export const link = "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17";
export const keyboard = "M3 6h18v12H3V6zM7 10v.1M11 10v.1M15 10v.1M7 14h10";
export const sigma = "M17 5H7l6 7-6 7h10";
export const card = "M3 6h18v12H3V6zM3 10h18M6.500 14.500h4";
