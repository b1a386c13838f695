//! What must hold for every expression: text and tree are the same thing, derivatives are those of
//! the value, and Fortran's rules.

use proptest::prelude::*;

use super::ast::{Binary, Expr, Variable};
use super::function::Function;
use super::shortcut::Shortcut;
use super::*;

fn read(text: &str) -> Expr {
    parse(text, &built_in).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

fn value(text: &str, temperature: f64) -> f64 {
    let expression: Expression = text.parse().unwrap();
    expression
        .value(temperature, None, &BTreeMap::new())
        .unwrap()
}

/// A finite literal of any size.
fn number() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (0u64..=0x7fef_ffff_ffff_ffff).prop_map(|bits| Expr::Real(f64::from_bits(bits))),
        (0.01..100.0).prop_map(Expr::Real),
        (0..i32::MAX).prop_map(Expr::Integer),
        (0..9).prop_map(Expr::Integer),
    ]
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        number(),
        Just(Expr::Variable(Variable::Temperature)),
        Just(Expr::Variable(Variable::HydrogenNuclei)),
        prop::sample::select(Shortcut::ALL.to_vec())
            .prop_map(|shortcut| Expr::Variable(Variable::Shortcut(shortcut))),
        "user_[A-Za-z0-9_]{1,6}".prop_map(|name| Expr::Variable(Variable::User(name))),
    ]
}

/// Trees of numbers, with conditions inside `merge` alone.
fn tree() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(6, 40, 4, |inner| {
        let pair = (inner.clone(), inner.clone());
        let arithmetic = prop::sample::select(vec![
            Binary::Add,
            Binary::Subtract,
            Binary::Multiply,
            Binary::Divide,
            Binary::Power,
        ]);
        let comparison = prop::sample::select(vec![
            Binary::Less,
            Binary::LessEqual,
            Binary::Equal,
            Binary::NotEqual,
            Binary::GreaterEqual,
            Binary::Greater,
        ]);
        let condition = (comparison, pair.clone())
            .prop_map(|(operator, (a, b))| Expr::binary(operator, a, b))
            .prop_recursive(2, 6, 2, |condition| {
                prop_oneof![
                    (condition.clone(), condition.clone()).prop_map(|(a, b)| Expr::binary(
                        Binary::And,
                        a,
                        b
                    )),
                    (condition.clone(), condition.clone()).prop_map(|(a, b)| Expr::binary(
                        Binary::Or,
                        a,
                        b
                    )),
                    condition.prop_map(|a| Expr::Not(Box::new(a))),
                    any::<bool>().prop_map(Expr::Logical),
                ]
            });
        let unary = prop::sample::select(vec![
            Function::Exp,
            Function::Log,
            Function::Log10,
            Function::Sqrt,
            Function::Abs,
            Function::Tanh,
            Function::Real,
        ]);
        prop_oneof![
            (arithmetic, pair.clone()).prop_map(|(operator, (a, b))| Expr::binary(operator, a, b)),
            inner.clone().prop_map(|a| Expr::Negative(Box::new(a))),
            (unary, inner.clone()).prop_map(|(function, a)| Expr::Call(function, vec![a])),
            (pair.clone(), inner.clone())
                .prop_map(|((a, b), c)| Expr::Call(Function::Max, vec![a, b, c])),
            pair.clone()
                .prop_map(|(a, b)| Expr::Call(Function::Min, vec![a, b])),
            (pair, condition).prop_map(|((a, b), c)| Expr::Call(Function::Merge, vec![a, b, c])),
        ]
    })
}

/// Smooth positive expressions of moderate size, for differences.
fn smooth() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0.1f64..9.0).prop_map(|x| format!("{x:.3}d0")),
        Just("Tgas/1d3".to_owned()),
        Just("T32".to_owned()),
        Just("Te".to_owned()),
        Just("lnT".to_owned()),
        Just("invT*1d2".to_owned()),
        Just("sqrTgas".to_owned()),
        Just("(1d0+invsqrT32)".to_owned()),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| format!("({a}+{b})")),
            two.clone().prop_map(|(a, b)| format!("({a})*({b})")),
            two.clone().prop_map(|(a, b)| format!("({a})/(1d0+{b})")),
            (inner.clone(), -3.0f64..3.0).prop_map(|(a, b)| format!("(1d0+{a})**({b:.2}d0)")),
            (inner.clone(), 1i32..4).prop_map(|(a, b)| format!("({a})**(-{b})")),
            inner.clone().prop_map(|a| format!("exp(-tanh({a}))")),
            inner.clone().prop_map(|a| format!("log10(2d0+{a})")),
            inner.clone().prop_map(|a| format!("sqrt({a})")),
            inner.clone().prop_map(|a| format!("atan({a})")),
            two.prop_map(|(a, b)| format!("(1d0+{a})**tanh({b})")),
        ]
    })
}

proptest! {
    #[test]
    fn text_reads_back_as_the_same_tree(tree in tree()) {
        let text = tree.to_string();
        let again = parse(&text, &built_in);
        prop_assert_eq!(again, Ok(tree), "{}", text);
    }

    #[test]
    fn derivative_is_that_of_the_value(text in smooth(), temperature in 5.0f64..5000.0) {
        let expression: Expression = text.parse().unwrap();
        let none = BTreeMap::new();
        let (value, slope) = expression.value_and_derivative(temperature, None, &none).unwrap();
        prop_assert_eq!(expression.value(temperature, None, &none).unwrap(), value);
        // Two central differences (Richardson): error of fourth order in the step.
        let at = |t: f64| expression.value(t, None, &none).unwrap();
        let difference = |h: f64| (at(temperature + h) - at(temperature - h)) / (2.0 * h);
        let h = 1e-3 * temperature;
        let reference = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
        let scale = slope.abs() + value.abs() / temperature;
        prop_assert!((slope - reference).abs() <= 1e-7 * scale, "{}: {} {}", text, slope, reference);
    }

    #[test]
    fn garbage_is_refused_not_misread(text in "[0-9a-zA-Z_+*/().,<>=: &%'-]{0,40}") {
        if let Ok(tree) = parse(&text, &built_in) {
            let again = tree.to_string();
            prop_assert_eq!(parse(&again, &built_in), Ok(tree));
        }
    }
}

#[test]
fn literals() {
    for (text, expected) in [
        ("1.2d-10", 1.2e-10),
        ("3d2", 300.0),
        ("1e-9", 1e-9),
        (".5d0", 0.5),
        ("2.", 2.0),
        ("1.D+3", 1000.0),
        ("0.25_8", 0.25),
        ("7", 7.0),
        ("1.d0", 1.0),
    ] {
        assert_eq!(value(text, 1.0), expected, "{text}");
    }
}

#[test]
fn rules_of_fortran() {
    for (text, expected) in [
        ("-2d0**2", -4.0),
        ("2d0**3d0**2", 512.0),
        ("(2d0**3)**2", 64.0),
        ("2d0-3d0-4d0", -5.0),
        ("8d0/4d0/2d0", 1.0),
        ("-2d0*3d0+1", -5.0),
        ("1/2*4d0", 0.0),
        ("4d0*1/2", 2.0),
        ("-7/2", -3.0),
        ("10**(-2)", 0.0),
        ("1d1**(-2)", 0.01),
        ("2**3", 8.0),
        ("2./3.", 2.0 / 3.0),
        ("merge(1d0,2d0,1.LE.2)", 1.0),
        ("merge(1d0,2d0,.not.1<2.or.3.eq.4)", 2.0),
        ("merge(1d0,2d0,.true..and..false.)", 2.0),
        ("max(1d0,min(5d0,3d0),2)", 3.0),
        ("DEXP(0d0)+DLOG10(1d2)", 3.0),
    ] {
        assert_eq!(value(text, 1.0), expected, "{text}");
    }
    assert_eq!(read("TGAS"), read("Tgas"));
    assert_eq!(read("invt32"), read("invT32"));
}

#[test]
fn refusals_name_the_column() {
    for (text, column, found, expected) in [
        ("1d0*-Tgas", 5, "-", "parentheses"),
        ("1d0+", 5, "the end", "a number"),
        ("(1d0", 5, "the end", "`)`"),
        ("1d0)", 4, ")", "end of the expression"),
        ("2d", 1, "2d", "exponent"),
        ("1d0 Tgas", 5, "Tgas", "an operator"),
        (
            "exp(1d0,2d0)",
            1,
            "exp with 2 arguments",
            "1 argument of exp",
        ),
        ("Tgass", 1, "Tgass", "Tgas"),
        ("1d0+(Tgas>3d2)", 5, "(Tgas>3d2)", "a number"),
        ("merge(1d0,2d0,3d0)", 15, "3d0)", "a condition"),
        ("Tgas>3d2", 1, "Tgas>3d2", "not a condition"),
        ("1d999", 1, "1d999", "range"),
        ("12345678901", 1, "12345678901", "range"),
        ("1d0 $ 2", 5, "$", "operator"),
    ] {
        match text.parse::<Expression>() {
            Err(Error::Syntax {
                at,
                found: there,
                expected: wanted,
            }) => {
                assert_eq!(
                    (at.column, there.as_str()),
                    (column, found),
                    "{text}: {wanted}"
                );
                assert!(wanted.contains(expected), "{text}: {wanted}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn calls_without_an_implementation_are_named() {
    for (text, call) in [
        ("1d0*krome_fshield(n, Tgas)", "krome_fshield(n,Tgas)"),
        ("sigma_v96(energy_eV,4.2d-1)", "sigma_v96(energy_eV,4.2d-1)"),
        ("2d0/n(idx_H)", "n(idx_H)"),
        ("sum(n(1:nmols))", "sum(n(1:nmols))"),
        ("phys_Tcmb*2", "phys_Tcmb"),
    ] {
        match text.parse::<Expression>() {
            Err(Error::Unsupported { reason, .. }) => assert!(reason.contains(call), "{reason}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn hostile_texts_end_quickly() {
    for text in [
        "(".repeat(100_000),
        "-".repeat(100_000),
        "1+".repeat(100_000),
        "2**".repeat(100_000),
        "exp(".repeat(100_000),
        "f(".repeat(100_000),
    ] {
        assert!(matches!(
            text.parse::<Expression>(),
            Err(Error::Syntax { .. })
        ));
    }
    let long = format!("{}1", "1+".repeat(2000));
    assert_eq!(value(&long, 1.0), 2001.0);
}

#[test]
fn variables_of_the_caller() {
    let k: Expression = "2d0*user_Av+user_av*get_Hnuclei(n(:))".parse().unwrap();
    assert_eq!(k.variables(), ["user_Av"]);
    assert!(k.needs_density());
    let given = BTreeMap::from([("USER_AV".to_owned(), 3.0)]);
    assert_eq!(k.value(10.0, Some(4.0), &given).unwrap(), 18.0);
    let missing = k.value(10.0, None, &given);
    assert!(
        matches!(&missing, Err(Error::ExpressionVariable { option, .. }) if option == "--density")
    );
    let missing = k.value(10.0, Some(4.0), &BTreeMap::new());
    assert!(
        matches!(&missing, Err(Error::ExpressionVariable { option, .. }) if option == "--set user_Av=VALUE")
    );
    let infinite: Expression = "log(Tgas-Tgas)".parse().unwrap();
    assert!(matches!(
        infinite.value(10.0, None, &given),
        Err(Error::ExpressionValue { .. })
    ));
}
